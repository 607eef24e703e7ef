"""What the tests of imports share: files to give, and what the sandbox and the mount say of them."""

import json

MAIN = "POOL_demoMain0000001"
EMPTY = "CG_demoEmpty0000004"
PILOT = "CG_demoPilot0000003"
OVER = ("done", "partly", "refused", "failed", "uncertain", "same", "checked", "held")


def folder(mount, mailing_list=EMPTY):
    return mount.path / "mailinglists" / mailing_list / "import"


def people(count, start=0):
    """A table of so many contacts, CSV."""
    rows = "".join(f"First{n},Last{n},person{n}@example.com,{n:05}\r\n" for n in range(start, start + count))
    return ("firstName,lastName,email,Code\r\n" + rows).encode()


WRONG = b"firstName,email\r\nAnn,ann@example.com\r\nBob,this is none\r\n"


def posts(sandbox, endpoint="contact_import"):
    """Bodies of the imports that the sandbox got."""
    return [json.loads(request["body"]) for request in sandbox.requests(endpoint)]  # the first 16 kB of each


def sent(sandbox):
    """E-mail addresses of all contacts that were sent, in order."""
    return [contact["email"] for body in posts(sandbox) for contact in body["contacts"]]


def members(sandbox, mailing_list=EMPTY, directory=MAIN):
    """The list's contacts at the service, by their e-mail address."""
    found, path = {}, f"/directories/{directory}/mailinglists/{mailing_list}/contacts?includeEmbedded=true&pageSize=500"
    while path:
        result = sandbox.result(path)
        found |= {one["email"]: one for one in result["elements"]}
        path = result["nextPage"] and result["nextPage"].split("/API/v3", 1)[1]
    return found


def report_of(path):
    return (path.parent / f"{path.name}.report.txt").read_text()


def result_of(path):
    return json.loads((path.parent / f"{path.name}.result.json").read_text())


def wait_for(mount, *paths):
    """qxfs wait: its exit status and what it said."""
    answer = mount.run("wait", *paths)
    return answer.returncode, answer.stderr
