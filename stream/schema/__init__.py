"""The messages as JSON Schema (draft 2020-12): generated from the records into the files of this folder.

``python -c "from stream.schema import write_schemas; write_schemas()"`` rewrites the files.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from stream.publish.messages import TYPES

FOLDER = Path(__file__).parent
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema by topic. It cannot express one rule: win + loss = 1."""
    return {topic: {"$schema": DIALECT} | msgspec.json.schema(kind) for topic, kind in TYPES.items()}


def schema_texts() -> dict[str, str]:
    """File name → JSON text."""
    return {
        f"{topic}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for topic, schema in schemas().items()
    }


def write_schemas(folder: Path = FOLDER) -> None:
    """Write the files."""
    for name, text in schema_texts().items():
        (folder / name).write_text(text, encoding="utf-8")
