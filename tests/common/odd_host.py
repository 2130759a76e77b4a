"""A host that answers pings in odd ways: python3 odd_host.py WORD...

Each word says what becomes of one echo request to 127.0.0.1, in their order;
the kernel must have been told not to answer (net.ipv4.icmp_echo_ignore_all).
It prints "ready", and ends after the last one.
"""
import socket
import struct
import sys
import time


def checksum(data):
    total = sum(struct.unpack("!%dH" % ((len(data) + 1) // 2), data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def message(kind, code, rest, body):
    data = struct.pack("!BBH4s", kind, code, 0, rest) + body
    return data[:2] + struct.pack("!H", checksum(data)) + data[4:]


raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.bind(("127.0.0.1", 0))
print("ready", flush=True)
for word in sys.argv[1:]:
    while True:
        packet = raw.recv(65535)
        request = packet[4 * (packet[0] & 15):]
        if request[0] == 8:
            break
    payload = request[8:]
    reply = message(0, 0, request[4:8], payload)
    error = message(3, 1, bytes(4), packet)
    redirect = message(5, 1, socket.inet_aton("127.0.0.9"), packet)
    spoilt = message(0, 0, request[4:8], payload[:-1] + bytes([payload[-1] ^ 1]))
    foreign = message(0, 0, request[4:8], bytes(len(payload)))
    if "late" in word:
        time.sleep(0.4)
    for answer in {
        "reply": [reply],
        "twice": [reply, reply],
        "late": [reply],
        "spoilt": [spoilt],
        "error": [error],
        "error-twice": [error, error],
        "late-error": [error],
        "redirect": [redirect, reply],
        "foreign": [foreign],
    }[word]:
        raw.sendto(answer, ("127.0.0.1", 0))
