"""Whatever the OpenAPI document allows, and some that it does not, is answered without a server error."""

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error

from services.api.adapters.http.app import create_app
from tests.support.api_parts import FixedConfiguration, parts
from tests.support.tenants import tenant

OPEN = create_app(parts(FixedConfiguration(tenant())))
schema = schemathesis.openapi.from_asgi("/openapi.json", OPEN).exclude(path="/v1/stream")
BOUNDED = settings(
    max_examples=25, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None
)


@schema.parametrize()
@BOUNDED
def test_no_question_is_a_server_error(case: schemathesis.Case) -> None:
    answer = case.call(base_url="http://127.0.0.1", headers={"Host": "127.0.0.1"})
    case.validate_response(answer, checks=[not_a_server_error])
