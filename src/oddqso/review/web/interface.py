"""The programming interface on a page, from its OpenAPI document: no script of others is needed to read it."""

from typing import Any


def routes_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every route with its parameters and the fields of its body, for the page."""
    return [
        {
            "tag": (route.get("tags") or ["other"])[0],
            "method": method.upper(),
            "path": path,
            "description": route.get("description", ""),
            "parameters": [_parameter(document, one) for one in route.get("parameters", [])],
            "body": _fields(document, route),
        }
        for path, methods in document["paths"].items()
        for method, route in methods.items()
    ]


def _parameter(document: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    schema = one.get("schema", {})
    default = schema.get("default")
    return {
        "name": one["name"],
        "where": one["in"],
        "required": one.get("required", False),
        "type": _type(document, schema),
        "default": "" if default is None else default,
    }


def _fields(document: dict[str, Any], route: dict[str, Any]) -> list[dict[str, Any]]:
    content = route.get("requestBody", {}).get("content", {}).get("application/json", {})
    reference = content.get("schema", {}).get("$ref")
    if reference is None:
        return []
    schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    needed = schema.get("required", [])
    return [
        {"name": name, "type": _type(document, one), "required": name in needed, "meaning": one.get("description", "")}
        for name, one in schema.get("properties", {}).items()
    ]


def _type(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """What a value may be, in a word or two.

    Examples
    --------
    >>> _type({}, {"anyOf": [{"type": "integer"}, {"type": "null"}]})
    'integer or null'
    >>> document = {"components": {"schemas": {"Format": {"type": "string", "enum": ["csv", "fits"]}}}}
    >>> _type(document, {"type": "array", "items": {"$ref": "#/components/schemas/Format"}})
    'array of csv, fits'
    """
    if "$ref" in schema:
        return _type(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return " or ".join(_type(document, one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(str(one) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"array of {_type(document, schema.get('items', {}))}"
    return str(schema.get("type", "anything"))
