"""A collector of spans: writes each that it receives over OTLP as a line of JSON.

``python otlp_receiver.py 4317``; standard output is the record.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Receives spans."""

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Writes the spans of one export."""
        for span in spans(request):
            print(json.dumps(span), flush=True)
        return trace_service_pb2.ExportTraceServiceResponse()


def spans(request: Any) -> Iterator[dict[str, Any]]:
    """Yields what a test wants to know of each span."""
    for of_resource in request.resource_spans:
        resource = {x.key: x.value.string_value for x in of_resource.resource.attributes}
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                values = {
                    x.key: getattr(x.value, x.value.WhichOneof("value") or "string_value")
                    for x in span.attributes
                }
                yield {
                    "name": span.name,
                    "trace": span.trace_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "kind": span.kind,
                    "nanoseconds": span.end_time_unix_nano - span.start_time_unix_nano,
                    "attributes": values,
                    "service": resource.get("service.name"),
                }


def main() -> None:
    """Serves until it is killed."""
    server = grpc.server(ThreadPoolExecutor(2))
    add = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add(Collector(), server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
