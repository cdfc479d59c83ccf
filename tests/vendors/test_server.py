"""What all stand-ins share."""

from __future__ import annotations

import http.client

import pytest
import requests
from vendors import Received, Reply, StandIn
from vendors.server import route


class Shop(StandIn):
    @route("GET", "/things/{name}")
    def thing(self, request: Received) -> Reply:
        return Reply(200, {"name": request.params["name"], "query": request.query})

    @route("POST", "/things")
    def make(self, request: Received) -> Reply:
        return Reply(201, request.data)


def test_routes_parse_the_path_and_the_query_and_the_body():
    with Shop() as shop:
        got = requests.get(f"{shop.url}/things/a%20b?x=1&y=").json()
        made = requests.post(f"{shop.url}/things", json={"size": 3})
    assert got == {"name": "a b", "query": {"x": "1", "y": ""}}
    assert (made.status_code, made.json()) == (201, {"size": 3})
    assert [(r.method, r.path, r.status) for r in shop.requests] == [
        ("GET", "/things/a%20b", 200),
        ("POST", "/things", 201),
    ]


def test_an_unknown_path_and_a_wrong_method_are_told_apart():
    with Shop() as shop:
        assert requests.get(f"{shop.url}/nothing").status_code == 404
        assert requests.delete(f"{shop.url}/things/a").status_code == 405


def test_a_fault_strikes_the_requests_that_it_was_planned_for_and_no_other():
    with Shop() as shop:
        shop.fail("GET", "/things/.*", 503, on=[2, 3], headers={"Retry-After": "1"}, why="busy")
        answers = [requests.get(f"{shop.url}/things/{n}") for n in range(4)]
    assert [answer.status_code for answer in answers] == [200, 503, 503, 200]
    assert answers[1].headers["Retry-After"] == "1"
    assert answers[1].json() == {"error": {"why": "busy"}}


def test_a_fault_can_drop_the_connection():
    with Shop() as shop:
        shop.fail("GET", "/things/.*", 0)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{shop.url}/things/a")
        assert requests.get(f"{shop.url}/things/a").status_code == 200
    assert [r.status for r in shop.requests] == [0, 200]


def test_a_fault_can_be_mere_slowness():
    with Shop() as shop:
        shop.fail("GET", "/things/.*", None, delay=0.2)
        answer = requests.get(f"{shop.url}/things/a")
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.2


def test_a_connection_serves_many_requests():
    with Shop() as shop:
        connection = http.client.HTTPConnection("127.0.0.1", shop.port)
        for _ in range(3):
            connection.request("GET", "/things/a")
            socket = connection.sock
            assert connection.getresponse().read()
            assert connection.sock is socket
        connection.close()


def test_a_stand_in_that_does_not_run_has_no_address():
    with pytest.raises(RuntimeError, match="not running"):
        _ = Shop().url
