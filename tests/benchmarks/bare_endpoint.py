"""The least that a webhook receiver can do with FastAPI: read the body, answer 202. Served as our services are.

Run: python -m tests.benchmarks.bare_endpoint PORT
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.post("/v1/webhooks/native")
async def take(request: Request) -> Response:
    """Takes anything."""
    await request.body()
    return Response(status_code=202)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_config=None)
