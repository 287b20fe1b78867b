"""Gorse's own Python client (pygorse) against a running service: usage: service-gorse.py URL [KEY]

Every call that the client has is made once, and what it gives back is looked at.
"""

import sys

from gorse import Gorse, GorseException

url, key = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
client = Gorse(url, key)
calls = 0


def told(value, expected=None):
    """Counts a call, and looks at what it gave back."""
    global calls
    calls += 1
    if expected is not None:
        assert value == expected, f"call {calls}: got {value}, expected {expected}"
    return value


items, cursor = told(client.get_items(2))
assert len(items) == 2 and cursor, (items, cursor)
known = [item["ItemId"] for item in items]
told(
    client.insert_item(
        {
            "ItemId": "gorse-1",
            "IsHidden": False,
            "Labels": {"topics": ["lamps"]},
            "Categories": ["light"],
            "Timestamp": "2026-01-01T00:00:00Z",
            "Comment": "a lamp for the desk",
        }
    ),
    {"RowAffected": 1},
)
item = told(client.get_item("gorse-1"))
assert item["Categories"] == ["light"] and item["Labels"] == {"topics": ["lamps"]}, item
told(client.update_item("gorse-1", comment="a lamp for the reading corner"), {"RowAffected": 1})
told(client.get_item("gorse-1"))["Comment"] == "a lamp for the reading corner"
found = [item["ItemId"] for item in told(client.search_items("a lamp for the reading corner", n=3))]
assert found[0] == "gorse-1", found
told(client.insert_user({"UserId": "gorse-u", "Labels": {"city": "Bonn"}, "Comment": ""}), {"RowAffected": 1})
told(client.insert_users([{"UserId": "gorse-v", "Labels": None, "Comment": ""}]), {"RowAffected": 1})
assert told(client.get_user("gorse-u"))["Labels"] == {"city": "Bonn"}
users, _ = told(client.get_users(10))
assert {"gorse-u", "gorse-v"} <= {user["UserId"] for user in users}, users
before = [score.id for score in told(client.get_recommend("gorse-u", n=5))]
assert len(before) == 5
told(client.insert_feedback("like", "gorse-u", known[0], "2026-01-02T00:00:00Z"), {"RowAffected": 1})
more = {"FeedbackType": "like", "UserId": "gorse-u", "ItemId": known[1], "Timestamp": "2026-01-03T00:00:00Z", "Value": 1}
told(client.insert_feedbacks([more]), {"RowAffected": 1})
after = [score.id for score in told(client.get_recommend("gorse-u", n=5))]
assert after != before and not set(known) & set(after), (before, after)
assert len(told(client.list_feedbacks("like", "gorse-u"))) == 2
page, _ = told(client.get_feedbacks(10))
assert len(page) == 10
session = [score["Id"] for score in told(client.session_recommend([more], n=5))]
assert len(session) == 5 and known[1] not in session
assert len(told(client.get_neighbors(known[0], n=3))) == 3
assert [s.id for s in told(client.get_recommend("gorse-u", category="light", n=5))] == ["gorse-1"]
told(client.delete_feedback("gorse-u", known[1]), {"RowAffected": 1})
told(client.delete_item("gorse-1"), {"RowAffected": 1})
try:
    client.get_item("gorse-1")
    raise AssertionError("a deleted item is still there")
except GorseException as gone:
    told((gone.status_code, gone.message), (404, "item gorse-1 not found"))
for user in ["gorse-u", "gorse-v"]:
    told(client.delete_user(user), {"RowAffected": 1})
print(f"{calls} calls of Gorse's client, all answered in its shapes")
