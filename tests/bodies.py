"""The bodies of `test_body_validation`: a systematic walk through what JSON can hold."""

from __future__ import annotations

INT64_EDGES = [str(x + d) for x in (-(2**63), 2**63, 2**64) for d in (-1, 0, 1)]
# What an element of a list can be, as JSON text or as what somebody takes for it.
INTEGERS = [
    *["0", "-0", "1", "-1", "00", "01", "-01", "+1", "1_000", "0x10", "0b1", "1n", "١"],
    *INT64_EDGES,
    *["1" + "0" * 30, "-1" + "0" * 30, "1" * 5_000],
]
FLOATS = [
    *["3.0", "-3.0", "0.0", "-0.0", "3.5", "-0.5", "3.0000000000000000000000001", "0.1e1"],
    *["1e3", "1E3", "1e+3", "1e-3", "10e-1", "1.5e1", "15e-1", "-1e0", "0e999", "0e-999"],
    *["1e18", "1e19", "9.223372036854775e18", "9223372036854774784.0", "9223372036854775807.0"],
    *["9.223372036854775808e18", "-9.223372036854775808e18", "-9223372036854775808.0", "-9.3e18"],
    *["9007199254740993.0", "4611686018427387905.0", "-9223372036854774784.0", "1e22", "1e308"],
    *["1e400", "-1e400", "1e-400", "1.", ".5", ".", "1e", "1e+", "1.e1", "1e1.5", "--1", "-"],
    *["NaN", "Infinity", "-Infinity", "nan", "inf", "-NaN", "+Infinity"],
]
STRINGS = [
    *['"3"', '"-3"', '"+3"', '" 3"', '"3 "', r'"3\n"', '"03"', '"-0"', '"1_000"', '"1__0"'],
    *['"_1"', '"1_"', '"3.0"', '"3.00"', '"-3.0"', '"3.5"', '"3."', '".3"', '"1e3"', '"0x10"'],
    *['""', '" "', '"abc"', '"٣"', '"３"', '"−3"', '"3,0"', '"- 3"', '"--3"', '"true"', '"NaN"'],
    *[f'"{x}"' for x in INT64_EDGES],
    *[f'"{"1" * 30}"', f'"{"0" * 30}1"', f'"{"1" * 5_000}"', f'"{"0" * 5_000}"'],
    *[r'"\u0033"', r'"\ud800"', r'"\ude00\ud83d"', r'"\ud83d\ude00"', r'"3\u0000"', r'"\u000b3"'],
    *[r'"\x33"', r'"\u00"', r'"\uZZZZ"', '"\\', '"\t"', '"3\x00"', '"é"', '"😀"', "'3'", '"3'],
]
OTHERS = [
    *["true", "false", "null", "True", "None", "undefined", "tru", "truee", ""],
    *["[]", "[1]", "[[1]]", "{}", '{"a":1}', '["3"]', "[1", "{", "]", "}", ":", ",", "*"],
]
ELEMENTS = [*INTEGERS, *FLOATS, *STRINGS, *OTHERS]

MEMBERS = [
    *["{}", '{"numbers":null}', '{"numbers":1}', '{"numbers":1.5}', '{"numbers":true}'],
    *['{"numbers":"1"}', '{"numbers":"[1]"}', '{"numbers":{}}', '{"numbers":{"0":1}}'],
    *['{"numbers":[]}', '{"numbers":[],"rounds":0}', '{"rounds":5}', '{"rounds":-1}'],
    *['{"Numbers":[1]}', '{"numbers ":[1]}', '{"number":[1]}', '{"":[1]}', '{"numbers":}'],
    # The last of repeated members counts.
    *[
        '{"numbers":[1],"numbers":[2]}',
        '{"numbers":[1],"numbers":null}',
        '{"numbers":1,"numbers":[2]}',
    ],
    *['{"numbers":["x"],"numbers":[2],"numbers":[3]}', '{"numbers":[1],"rounds":1,"rounds":2}'],
    *['{"numbers":[1],"rounds":"x","rounds":2}', '{"rounds":2,"numbers":[1],"rounds":-1}'],
    # Members that nobody asked for are ignored, whatever they hold.
    *['{"numbers":[1],"x":2}', '{"x":{"numbers":[9]},"numbers":[1]}', '{"x":NaN,"numbers":[1]}'],
    *['{"numbers":[1],"x":1e400}', r'{"numbers":[1],"x":"\ud800"}', '{"numbers":[1],"x":[}'],
    *['{"numbers":[1],"x":01}', '{"numbers":[1],"":""}', '{"numbers":[1],"x":"\x01"}'],
    *[r'{"numbers":[1],"\ud800":1}', r'{"numbers":[1],"\u00e9":1,"é":2}', '{"numbers":[1],"x"}'],
    # Escapes in keys.
    *[r'{"\u006eumbers":[1]}', r'{"n\u0075mb\u0065rs":[1]}', r'{"numbers\u0000":[1]}'],
    *[r'{"\u006eumbers":[1],"numbers":[2]}', r'{"numbers":[1],"n\u0075mbers":["x"]}'],
    *[r'{"numbers\ud800":[1]}', r'{"numb\/ers":[1]}', r'{"\numbers":[1]}', r'{"\uumbers":[1]}'],
    *["{numbers:[1]}", "{'numbers':[1]}", "{1:[1]}", "{null:[1]}", '{"numbers":[1],,}'],
]
ROUNDS = [
    *["0", "1", "2", "1000", "999999", "1000000", "1000001", "-1", "-0", "4294967296", "null"],
    *["1.0", "1.5", "1e3", "1e6", "1e7", '"5"', '"-5"', '"x"', '"5.0"', '" 5"', "true", "false"],
    *["NaN", "Infinity", "1e400", "[]", "[5]", "{}", str(2**63), str(-(2**63) - 1), "1" + "0" * 30],
]
SPACES = [
    ' \t\r\n{ \n"numbers"\r:\t[ 1 ,\n2\t, 3 ]\r\n} \n',
    '{"numbers":[1, 2 ,3]}\n\n\n',
    '\x0b{"numbers":[1]}',
    '\x0c{"numbers":[1]}',
    '{"numbers":\x0c[1]}',
    '\u00a0{"numbers":[1]}',
    '{"numbers":[1]}\u2028',
    '{"numbers":[1\u00a0]}',
    '{"numbers":[1]}\x00',
    '\x00{"numbers":[1]}',
    '{"numbers":[1 2]}',
    '{"numbers":[- 1]}',
    '{"numbers":[1 .0]}',
    '{"num bers":[1]}',
    '{"numbers" [1]}',
    '{"numbers"::[1]}',
    '{"numbers":[1,]}',
    '{"numbers":[,1]}',
    '{"numbers":[1,,2]}',
    '{"numbers":[1],}',
    '{,"numbers":[1]}',
    '{"numbers":[1]}}',
    '{"numbers":[1]} {"numbers":[2]}',
    '{"numbers":[1]}{}',
    '{"numbers":[1]} x',
    'x {"numbers":[1]}',
    '{"numbers":[1]} // note',
    '/* note */{"numbers":[1]}',
    '{"numbers":[1 /* note */]}',
    '{"numbers":[\n1,\n2,\nx\n]}',
]
WHOLES = [
    *["", " ", "\n", "null", "true", "1", "1.5", "NaN", "-Infinity", '"numbers"', '""'],
    *["[]", "[1]", '["numbers"]', '[["numbers",[1]]]', '[{"numbers":[1]}]', "{", "[", "}", "]"],
    *["nul", "numbers=1", "<x/>", "\x00", '"', "{}{}", "[{}", '{"', '{"a'],
]
COMPLETE = '{"numbers": [1, "3", 3.0, true, -9223372036854775808], "rounds": 2}'
TOO_DEEP = 100_000
NESTED = [
    text
    for depth in (10, 126, 127, 128, 129, 400, TOO_DEEP)
    for text in (
        "[" * depth,
        "[" * depth + "]" * depth,
        '{"numbers":' + "[" * depth + "1" + "]" * depth + "}",
        '{"numbers":[1,' + "[" * depth + "]" * depth + "]}",
        '{"numbers":[1],"x":' + "[" * min(depth, 400) + "]" * min(depth, 400) + "}",
        '{"x":' * depth + "1" + "}" * depth,
    )
]
# Valid JSON with a member that is ignored, and that only Python's parser cannot read.
ONLY_PYTHON_REFUSES = [
    '{"numbers":[1],"x":' + "[" * TOO_DEEP + "]" * TOO_DEEP + "}",
    '{"numbers":[1],"x":' + "1" * 5_000 + "}",
]
ENCODED = [
    *(COMPLETE.encode(name) for name in ("utf-16-le", "utf-16-be", "utf-16", "utf-32-le")),
    *(COMPLETE.encode(name) for name in ("utf-32-be", "utf-32", "utf-8-sig")),
    *(b'{"numbers":[1,"x"]}'.decode().encode(name) for name in ("utf-16", "utf-8-sig")),
    b"\xef\xbb\xbf",
    b"\xef\xbb\xbf\xef\xbb\xbf" + COMPLETE.encode(),
    b'\xef\xbb{"numbers":[1]}',
    b"\xff\xfe",
    b'\xff\xfe{"numbers":[1]}',
    b'{"numbers":[1],\xef\xbb\xbf"x":1}',
    b'{"numbers":["\xff"]}',
    b'{"numbers":["\xc3"]}',
    b'{"numbers":["\xed\xa0\x80"]}',
    b'{"numbers":["\xf4\x90\x80\x80"]}',
    b'{"numbers":["\xc0\x80"]}',
    b'{"numbers":[1],"\xff":1}',
    b'{"numbers":[1],"x":"\xff"}',
    b'{"numbers":[1]}\xff',
    b"\x80",
    "é".encode("latin-1"),
    '{"numbers":[1],"é":"é"}'.encode("latin-1"),
]
CONTENT_TYPES = [
    *[None, "", "application/json", "application/json; charset=utf-8", "APPLICATION/JSON"],
    *["application/json;charset=utf-16", "application/vnd.api+json", "application/problem+json"],
    *["application/+json", "application/jsonp", "application/json-seq", "text/json", "text/plain"],
    *["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"],
    *[
        "application/octet-stream",
        "json",
        "application",
        "application/json, text/plain",
        ";",
        "*/*",
    ],
]


def small_bodies() -> list[bytes]:
    """Returns every body but those about the content type, each once."""
    texts = [f'{{"numbers":[{x}]}}' for x in ELEMENTS]
    texts += [f'{{"numbers":[{x},2]}}' for x in ELEMENTS]
    texts += [f'{{"numbers":[1,{x},"x",{x}]}}' for x in ELEMENTS]
    texts += [f'{{"numbers":[1,2],"rounds":{x}}}' for x in ROUNDS]
    texts += [f'{{"rounds":{x},"numbers":["x"]}}' for x in ROUNDS]
    texts += [*MEMBERS, *SPACES, *WHOLES, *NESTED]
    texts += [COMPLETE[:length] for length in range(len(COMPLETE) + 1)]
    bodies = [text.encode("utf-8") for text in texts] + ENCODED
    return list(dict.fromkeys(bodies))
