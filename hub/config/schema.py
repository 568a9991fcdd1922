"""The JSON Schema of hub.toml, for editors: made from the tables, with values as they are written.

Source: JSON Schema 2020-12. What holds between tables, and what a plugin's own table may hold, is
not in it: `hub config check` and the plugin say that.
"""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from hub.config import units, values
from hub.config.tables import Tables

_TEXTS: Mapping[object, str] = {
    units.duration: rf"^[0-9]{{1,9}}({'|'.join(units.DURATION_UNITS)})$",
    units.size: rf"^[0-9]{{1,9}}({'|'.join(units.SIZE_UNITS)})$",
    units.rate: r"^[0-9]{1,7}/[smh]$",
    units.waits: r"^ *[0-9]{1,8} *(, *[0-9]{1,8} *)*$",
    values.absolute: r"^.+$",
    values.vault: r"^.+$",
}


class _AsWritten(GenerateJsonSchema):
    """Describes values as hub.toml writes them, not as the models hold them."""

    def function_before_schema(
        self, schema: core_schema.BeforeValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """Return the text that a reader of `units` or `values` takes."""
        if pattern := _TEXTS.get(schema["function"]["function"]):
            return {"type": "string", "pattern": pattern}
        return super().function_before_schema(schema)

    def function_after_schema(
        self, schema: core_schema.AfterValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """Return what is checked, with the check's own pattern where it has one."""
        inner = super().function_after_schema(schema)
        check = schema["function"]["function"]
        if isinstance(check, values.WrittenAs):
            return inner | {"pattern": f"^({values.PATTERNS[check.kind][0]})$"}
        return inner

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Return a table of names that the operator chooses: others than such names are errors."""
        made = super().dict_schema(schema)
        return made | {"additionalProperties": False} if "patternProperties" in made else made

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Return what a key may be if it is set: TOML has no null."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return a key's schema; one that is unset by default has no default."""
        made = super().default_schema(schema)
        return {key: value for key, value in made.items() if (key, value) != ("default", None)}

    def encode_default(self, dft: Any) -> Any:
        """Return a default, which the tables give as hub.toml writes it."""
        return dft

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        """Return the whole schema, with its dialect."""
        return {"$schema": self.schema_dialect, **super().generate(schema, mode)}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of hub.toml as plain data."""
    made = Tables.model_json_schema(schema_generator=_AsWritten)
    return made | {"title": "hub.toml of the Postfachdienst hub"}
