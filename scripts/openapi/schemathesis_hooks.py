"""What the schema of an input allows is never refused for its form."""

import schemathesis
from schemathesis import GenerationMode

# Codes of wrong fields that say something about more than the form: what others have chosen, what time it is, what exists.
# So do the codes of refusals, which have a dot in them.
BEYOND_FORM = {"common", "cursor", "past", "role", "time_zone", "unwanted"}


@schemathesis.check
def form_is_as_described(ctx, response, case):
    meta = case.meta
    if response.status_code != 422 or meta is None or meta.generation.mode != GenerationMode.POSITIVE:
        return
    for error in response.json().get("errors", []):
        if error["code"] not in BEYOND_FORM and "." not in error["code"]:
            raise AssertionError(f"The schema allows what the server refuses: {error}")
