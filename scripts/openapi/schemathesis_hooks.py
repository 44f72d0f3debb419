"""What the schema of an input allows is never refused for its form."""

import re

import schemathesis
from schemathesis import GenerationMode

# Codes of wrong fields that say something about more than the form: what others have chosen, what time it is, what exists.
# So do the codes of refusals, which have a dot in them.
BEYOND_FORM = {
    "banned", "closed", "common", "cursor", "distinct", "emoji", "future", "letters", "never", "no_file", "no_files",
    "no_message", "no_root", "not_ready", "past", "point", "precision", "repeat", "role", "self", "time",
    "time_of_day", "time_zone", "too_late", "too_soon", "unfit", "unreachable", "unusable", "unwanted",
}
# A pattern cannot say which days a month has, which moments were long ago or come first, how many options a poll has, what
# is a word in some language, which addresses have a host, whether a template has a title, whether a message has a text or
# files, nor that a file has something in it.
BEYOND_PATTERN = {
    ("/at", "range"), ("/poll/most", "range"), ("/birth_date", "date"), ("/birth_date", "range"), ("/until", "range"),
    ("?from", "date"), ("?to", "date"), ("?to", "range"), ("?q", "required"), ("/title", "required"),
    ("Upload-Metadata", "choice"), ("/file", "required"), ("/content", "required"), ("/attachments", "required"),
    ("/url", "url"), ("/url", "too_long"),
}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Generates names by their exact pattern, which `pattern` itself cannot be in every engine."""
    pending = [raw_schema]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if "x-unicode-pattern" in value:
                value["if"] = {"type": "string"}
                value["then"] = {"pattern": value["x-unicode-pattern"]}
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


# A part of an upload is sent as it is.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


@schemathesis.check
def form_is_as_described(ctx, response, case):
    meta = case.meta
    # The answer to HEAD has no body.
    if response.status_code != 422 or case.method.upper() == "HEAD" or meta is None or meta.generation.mode != GenerationMode.POSITIVE:
        return
    for error in response.json().get("errors", []):
        is_about_form = error["code"] not in BEYOND_FORM and "." not in error["code"]
        is_about_form = is_about_form and (error["pointer"], error["code"]) not in BEYOND_PATTERN
        if is_about_form and header_fits(case, error["pointer"]):
            raise AssertionError(f"The schema allows what the server refuses: {error}")


def header_fits(case, name):
    """Whether a header is as its pattern says: those without a value are generated whatever the pattern is."""
    for parameter in case.operation.definition.raw.get("parameters", []):
        if parameter["in"] == "header" and parameter["name"] == name:
            value = (case.headers or {}).get(name, "")
            return re.search(parameter["schema"].get("pattern", ""), value) is not None
    return True
