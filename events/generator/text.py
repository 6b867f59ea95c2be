"""JSON whose numbers stay as they are written, beyond the range of any type."""

import json
import re


class Raw:
    """A JSON value as it is written, such as `1e999`."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self):
        return f"Raw({self.text!r})"


def parse(json_text: str):
    """Reads JSON; numbers become `Raw`."""
    return json.loads(json_text, parse_int=Raw, parse_float=Raw, parse_constant=Raw)


_MARK = "\ue000raw\ue000"
_MARKED = re.compile(r'"\\ue000raw\\ue000((?:[^"\\]|\\.)*)"')


def write(value) -> str:
    """Writes readable JSON in ASCII, one line feed at its end."""
    marked = json.dumps(value, indent=2, default=lambda raw: _MARK + raw.text)
    return _MARKED.sub(lambda match: json.loads(f'"{match[1]}"'), marked) + "\n"
