"""mosec: the server's own kernels in two worker processes."""

from __future__ import annotations

from typing import Any

import offgil_bench_pyo3
from mosec import Runtime, Server, Worker

WORKERS = 2


class ProcessNumbers(Worker):
    """Applies f to each number."""

    def forward(self, data: dict[str, Any]) -> dict[str, Any]:
        """Answers one request; mosec reads and writes the JSON."""
        results = offgil_bench_pyo3.process_numbers(data["numbers"], data.get("rounds", 1000))
        return {"original_count": len(results), "processed_result": results}


if __name__ == "__main__":
    server = Server()
    server.register_runtime({"/process-numbers": [Runtime(ProcessNumbers, num=WORKERS)]})
    server.run()
