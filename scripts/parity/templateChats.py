"""Conversations that scripts/parity/templates.py renders through every style of chat template.

Content holds no special token of any style: the studio encodes those as plain characters on purpose.
"""

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of a city, \"now\" & <later>.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "Name of the city"},
                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                },
                "required": ["city"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "convert",
            "description": "Money → other money.",
            "parameters": {
                "type": "object",
                "properties": {
                    "amount": {"type": "number", "default": 1.5},
                    "to": {"type": ["string", "null"]},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["amount", "to"],
            },
        },
    },
]
DOCUMENTS = [
    {"title": "Tall penguins", "text": "Emperor penguins are the tallest."},
    {"title": "Heim", "text": "Pinguine leben\nin der Antarktis."},
]


def call(name, arguments, number):
    return {"id": f"call0000{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def system(content):
    return {"role": "system", "content": content}


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


def tool(content, number, name="get_weather"):
    return {"role": "tool", "tool_call_id": f"call0000{number}", "name": name, "content": content}


CALLS = [call("get_weather", {"city": "Köln", "unit": "celsius"}, 1), call("convert", {"amount": 2.5, "to": None}, 2)]
TRIP = [
    user("Weather in Köln, and 2.5 in yen?"),
    assistant("Let me look.", tool_calls=CALLS),
    tool('{"temp": 21.5}', 1),
    tool("415", 2, "convert"),
]
THOUGHT = "<think>\nSum: 2 + 2.\n</think>\n\n"

CHATS = {
    "single": {"messages": [user("How much is 2 + 2?"), assistant("It is 4.")]},
    "several": {
        "messages": [
            system("Be brief."),
            user("How much is 2 + 2?"),
            assistant("It is 4."),
            user("And 3 + 3?"),
            assistant("It is 6."),
        ]
    },
    "prompt": {
        "messages": [system("Be brief."), user("Hello"), assistant("Hi!"), user("Bye")],
        "add_generation_prompt": True,
    },
    "same": {"messages": [user("yes"), assistant("yes"), user("yes"), assistant("yes")]},
    "empty": {"messages": [user("Say nothing."), assistant(""), user("Now?"), assistant("Well.")]},
    "unicode": {
        "messages": [
            user("  Grüße 👋🏽\r\nzwei Zeilen\n\n"),
            assistant("\n\tНу да — 日本語 😀 é́\r\n  "),
            user("<b>&amp; \"quoted\" 'it' {{ x }} {% if %}</b>"),
            assistant("Line\n\n\nthree\u00a0\u2028end "),
        ]
    },
    "tools": {"messages": [system("Use tools."), *TRIP, assistant("21.5 °C, 415 yen.")], "tools": TOOLS},
    "tools_prompt": {"messages": TRIP, "tools": TOOLS, "add_generation_prompt": True},
    "steps": {
        "messages": [
            user("Weather in Rom?"),
            assistant(None, tool_calls=[call("get_weather", {"city": "Rom"}, 1)]),
            tool("30", 1),
            assistant("", tool_calls=[call("convert", {"amount": 3, "to": "EUR", "tags": ["a", "ü"]}, 2)]),
            tool("3.2", 2, "convert"),
            assistant("30 °C."),
            user("Thanks"),
            assistant("Welcome."),
        ],
        "tools": TOOLS,
    },
    "thinking": {
        "messages": [
            user("2 + 2?"),
            assistant("4", reasoning_content="Sum: 2 + 2."),
            user("3 + 3?"),
            assistant("6", reasoning_content="\nSum: 3 + 3.\n"),
        ]
    },
    "think_tags": {
        "messages": [user("2 + 2?"), assistant(THOUGHT + "4"), user("3 + 3?"), assistant("<think>\n6?\n</think>\n\n6")]
    },
    "parts": {
        "messages": [
            system("Look."),
            user([{"type": "text", "text": "One. "}, {"type": "text", "text": "Two."}]),
            assistant([{"type": "text", "text": "Three."}]),
        ]
    },
    "continued": {"messages": [user("Count."), assistant("One, two, ")], "continue_final_message": True},
    "documents": {
        "messages": [user("Which are tallest?"), assistant("Emperor penguins.")],
        "documents": DOCUMENTS,
    },
    "no_user": {"messages": [system("Alone."), assistant("Hello.")]},
    "two_users": {"messages": [user("a"), user("b"), assistant("c")], "add_generation_prompt": False},
}
