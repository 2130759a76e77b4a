"""An agent in Python, written from labs/protocol.md alone: runs `tcp` tasks, refuses all others.

    python3 page_agent.py HOST PORT TOKEN_FILE

Until SIGTERM; then it prints how many results it made, and which it still has.
"""

import datetime, hmac, json, random, secrets, select, signal, socket, sys, time

HOST, PORT = sys.argv[1], int(sys.argv[2])
TOKEN = open(sys.argv[3], "rb").read().strip()
BOOT, CLAIM = secrets.token_hex(16), secrets.token_hex(16)

ending = False
agent_id = None
config = {"rev": 0, "tasks": []}
due = {}  # task: when it is to be run next
kept = []  # results that no ack covers, oldest first
made = 0


def stop(*_):
    global ending
    ending = True


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def proof(role, mine, yours):
    said = f"socklab 1\n{role}\n{mine}\n{yours}\n{agent_id or 'new'}\n"
    return hmac.new(TOKEN, said.encode(), "sha256").hexdigest()


def run_tasks():
    """Runs what is due; every result is kept until it is covered."""
    global made
    for task in config["tasks"]:
        words = task["check"].split()
        if words[0] != "tcp" or due.setdefault(task["task"], 0) > time.monotonic():
            continue
        due[task["task"]] = time.monotonic() + task["interval_ms"] / 1000
        started, began = now(), time.monotonic()
        try:
            socket.create_connection((words[1], int(words[2])), 1).close()
            verdict, reason = "up", "connected"
        except OSError as error:
            verdict, reason = "down", str(error)
        made += 1
        kept.append({"type": "result", "boot_id": BOOT, "seq": made, "task": task["task"],
                     "rev": config["rev"], "started_at": started, "verdict": verdict,
                     "duration_us": int((time.monotonic() - began) * 1e6), "reason": reason})


def answer(message):
    """What to send back."""
    global config
    if message["type"] == "ping":
        return [{"type": "pong"}]
    if message["type"] == "ack" and message["boot_id"] == BOOT:
        kept[:] = [result for result in kept if result["seq"] > message["seq"]]
    if message["type"] == "config":
        config = message
        acks = [{"task": task["task"], "accepted": task["check"].startswith("tcp "),
                 "reason": "only tcp"} for task in config["tasks"]]
        return [{"type": "config_ack", "rev": config["rev"], "tasks": acks}]
    return []


def talk(connection):
    """One connection, to its end."""
    global agent_id
    nonce, welcome, sent, incoming, outgoing = secrets.token_hex(32), False, 0, b"", b""
    heard = said = time.monotonic()

    def say(message):
        nonlocal outgoing, said
        outgoing, said = outgoing + json.dumps(message).encode() + b"\n", time.monotonic()

    say({"type": "hello", "version": 1, "agent_id": agent_id, "claim": CLAIM, "name": "page",
         "boot_id": BOOT, "config_rev": config["rev"], "nonce": nonce, "time": now()})
    proven = False
    while not ending and time.monotonic() - heard < 25:
        run_tasks()
        for result in kept if welcome else []:
            if result["seq"] > sent:
                say(result)
                sent = result["seq"]
        if time.monotonic() - said > 10:
            say({"type": "ping", "time": now()})
        readable, writable, _ = select.select([connection], [connection] if outgoing else [], [], 0.1)
        if writable:
            outgoing = outgoing[connection.send(outgoing):]
        if not readable:
            continue
        piece = connection.recv(65536)
        if not piece:
            return
        *lines, incoming = (incoming + piece).split(b"\n")
        for line in lines:
            heard, message = time.monotonic(), json.loads(line)
            if message["type"] == "error":
                return
            if message["type"] == "challenge":
                if not hmac.compare_digest(message["proof"], proof("manager", nonce, message["nonce"])):
                    return
                say({"type": "auth", "proof": proof("agent", nonce, message["nonce"])})
                proven = True
            elif message["type"] == "welcome" and proven:
                agent_id, welcome = message["agent_id"], True
                kept[:] = [result for result in kept if result["seq"] > message["stored_seq"]]
            elif welcome:
                for reply in answer(message):
                    say(reply)


signal.signal(signal.SIGTERM, stop)
limit = 1
while not ending:
    try:
        with socket.create_connection((HOST, PORT), 10) as connection:
            connection.setblocking(False)
            talk(connection)
            limit = 1
    except OSError:
        limit = min(limit * 2, 60)
    again = time.monotonic() + random.uniform(0, limit)
    while not ending and time.monotonic() < again:
        run_tasks()
        time.sleep(0.05)
print(json.dumps({"made": made, "kept": [result["seq"] for result in kept]}))
