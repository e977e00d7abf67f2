"""Lies about where to ask: other hosts, other schemes, circles; and who asks for secrets. Enters
them into the table."""

import time

from names import ANY, lie

# A redirect that is followed may end where there is another file, or none.
OTHER = "changed invalid unreachable"


def redirect(status, place):
    def answer(turn):
        text = place(turn)
        turn.send(turn.idle(status, {"Location": text} if text is not None else {}))
    return answer


def other_port(turn):
    return f"http://127.0.0.1:{turn.server.liar.foreign_port}{turn.request.target}"


PLACES = {
    "to_another_port": other_port,
    "to_another_host": lambda turn: f"http://127.0.0.2:{turn.server.port}{turn.request.target}",
    "to_another_host_by_slashes":
        lambda turn: f"//127.0.0.2:{turn.server.port}{turn.request.target}",
    "with_credentials_in_it":
        lambda turn: other_port(turn).replace("http://", "http://evil:twin" + "@"),
    "to_itself": lambda turn: turn.request.target,
    "round_and_round": lambda turn: turn.request.target.partition("?")[0] + f"?{time.time_ns()}",
    "to_a_file": lambda turn: "file:///etc/passwd",
    "to_ftp": lambda turn: f"ftp://127.0.0.1:{turn.server.liar.foreign_port}/x",
    "to_gopher": lambda turn: f"gopher://127.0.0.1:{turn.server.liar.foreign_port}/_x",
    "nowhere": lambda turn: None,
    "to_nonsense": lambda turn: "http://[::1",
    "out_of_the_root": lambda turn: "/../../etc/passwd",
    "far_away": lambda turn: "/" + "r" * 20000,
}

for status in (301, 302, 303, 307, 308):
    lie(ANY, "invalid unreachable denied", name=f"redirect_{status}_to_another_port")(
        redirect(status, other_port))
for name, place in list(PLACES.items())[1:]:
    lie(ANY, OTHER + " denied not_found limit", name=f"redirect_{name}")(
        redirect(307, place))


@lie(ANY, "denied")
def asks_for_credentials_again(turn):
    turn.send(turn.idle(401, {"WWW-Authenticate": 'Basic realm="another realm"'}))


@lie(ANY, "denied")
def asks_for_other_credentials(turn):
    turn.send(turn.idle(401, {"WWW-Authenticate": 'Digest realm="x", nonce="1", qop="auth"'}))
