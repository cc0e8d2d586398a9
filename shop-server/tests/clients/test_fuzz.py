"""Schemathesis tries every operation of the served document with good and bad input, as nobody, customer and staff.

The seed is fixed. What is checked: no 5xx, and no status, media type, header or body that the document does not have.
"""

import os
import subprocess
import sys

import pytest
import requests
from conftest import DEADLINE

PASSWORD = "analytical-engine-1842"
CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method", "allow_header_conformance",
]


def access_of(server, role):
    email = f"fuzzing-{role}@example.com"
    if role == "staff":
        server.create_superuser(email, PASSWORD)
    else:
        requests.post(f"{server.url}/accounts/register/", json={"email": email, "password": PASSWORD}, timeout=DEADLINE)
        code = {"email": email, "otp": server.mailed_code(email)}
        requests.post(f"{server.url}/accounts/verify-otp/", json=code, timeout=DEADLINE)
    answer = requests.post(f"{server.url}/accounts/login/", json={"email": email, "password": PASSWORD}, timeout=DEADLINE)
    return answer.json()["access"]


@pytest.mark.parametrize("role", ["nobody", "customer", "staff"])
def test_every_answer_is_in_the_document(start_server, role):
    server = start_server("demo", ACCESS_TOKEN_LIFETIME="3600")
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json", "--seed=1842",
        "--phases=examples,coverage,fuzzing,stateful", f"--max-examples={os.environ.get('FUZZ_EXAMPLES', '5')}",
        f"--checks={','.join(CHECKS)}", "--continue-on-failure", "--no-shrink", "--warnings=off",
        "--suppress-health-check=all", "--generation-database=none", "--request-timeout=20",
    ]
    if role != "nobody":
        command.append(f"--header=Authorization:Bearer {access_of(server, role)}")
    run = subprocess.run(command, cwd=server.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-5_000:]
    counters = requests.get(f"{server.url}/metrics", timeout=DEADLINE).text
    made = 'route="/catalog/categories/",method="POST",status="2xx"'
    assert (made in counters) == (role == "staff"), "who may do what decides what passes"
    server.stop()
