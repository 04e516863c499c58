"""Ray Serve: the server's own kernels in two replicas. Its argument is the port."""

# Ray pickles the class without its module, where FastAPI would look postponed annotations up.
import signal
import sys

import offgil_bench_pyo3
import ray
from fastapi import FastAPI
from ray import serve

from benchmarks.service.apps.models import Numbers, Processed

REPLICAS = 2

api = FastAPI()


@serve.deployment(num_replicas=REPLICAS, ray_actor_options={"num_cpus": 0.5})
@serve.ingress(api)
class ProcessNumbers:
    """Applies f to each number."""

    @api.post("/process-numbers")
    def process_numbers(self, body: Numbers) -> Processed:
        """Answers one request; such a route runs in the thread pool."""
        results = offgil_bench_pyo3.process_numbers(body.numbers, body.rounds)
        return Processed(original_count=len(results), processed_result=results)


if __name__ == "__main__":
    ray.init(include_dashboard=False, configure_logging=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(ProcessNumbers.bind())
    # At SIGTERM Ray ends this process, and with it the cluster.
    signal.pause()
