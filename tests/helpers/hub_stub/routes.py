"""The routes of the Hub that the stub answers: name, method, path."""

ID = r"(?P<name>[^/]+/[^/]+?)"
REV = r"(?P<rev>refs/pr/\d+|[^/]+)"
API = rf"/api/(?P<kind>model|space|dataset)s/{ID}"
PREFIX = r"/(?P<kind>(spaces|datasets)/)?"
ROUTES = [
    ("whoami", "GET", r"/api/whoami-v2"),
    ("create", "POST", r"/api/repos/create"),
    ("overview", "GET", r"/api/users/(?P<user>[^/]+)/overview"),
    ("spaces", "GET", r"/api/spaces"),
    ("page", "GET", rf"/page/{ID}/(?P<path>.*)"),
    ("yaml", "POST", r"/api/validate-yaml"),
    ("runtime", "GET", rf"{API}/runtime"),
    ("logs", "GET", rf"{API}/logs/(?P<log>\w+)"),
    ("tree", "GET", rf"{API}/tree/{REV}(/(?P<below>.+))?"),
    ("paths", "POST", rf"{API}/paths-info/{REV}"),
    ("commits", "GET", rf"{API}/commits/(?P<rev>[^/]+)"),
    ("preupload", "POST", rf"{API}/preupload/{REV}"),
    ("commit", "POST", rf"{API}/commit/{REV}"),
    ("discussions", "GET", rf"{API}/discussions"),
    ("discuss", "POST", rf"{API}/discussions/(?P<num>\d+)/(?P<what>comment|title)"),
    ("info", "GET", rf"{API}(/revision/{REV})?"),
    ("lfs", "POST", rf"{PREFIX}{ID}\.git/info/lfs/objects/batch"),
    ("upload", "PUT", r"/upload/(?P<oid>\w+)"),
    ("health", "GET", r"/health"),
    ("classify", "POST", r"/classify"),
    ("resolve", "(GET|HEAD)", rf"{PREFIX}{ID}/resolve/(?P<rev>[^/]+)/(?P<path>.+)"),
]
