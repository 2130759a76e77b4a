"""Answers echo requests in the kernel's place, each wrong in a way of its own; for tests/icmp_ping.rs.

The number of a request decides what becomes of it. The host's own replies are
to be switched off (net.ipv4.icmp_echo_ignore_all).
"""

import socket
import struct
import time

raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
by_hand = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


def checksum(data):
    words = struct.unpack(f"!{len(data) // 2}H", data)
    total = sum(words)
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def message(kind, code, rest, body, spoil=0):
    body += b"\0" * (len(body) % 2)
    head = struct.pack("!BBH4s", kind, code, 0, rest)
    found = checksum(head + body) ^ spoil
    return struct.pack("!BBH4s", kind, code, found, rest) + body


def reply(identifier, seq, payload, spoil=0):
    return message(0, 0, struct.pack("!HH", identifier, seq), payload, spoil)


print("ready", flush=True)
while True:
    packet, (client, _) = raw.recvfrom(65536)
    header = 4 * (packet[0] & 15)
    kind, _, _, identifier, seq = struct.unpack("!BBHHH", packet[header : header + 8])
    if kind != 8:
        continue
    payload = packet[header + 8 :]

    def send(bytes_):
        raw.sendto(bytes_, (client, 0))

    right = reply(identifier, seq, payload)
    none = b"\0\0\0\0"
    if seq == 1:  # twice
        send(right)
        send(right)
    elif seq == 2:  # a checksum that is not
        send(reply(identifier, seq, payload, spoil=0x10))
    elif seq == 3:  # one byte wrong, under a checksum that is right
        send(reply(identifier, seq, payload[:20] + b"\xee" + payload[21:]))
    elif seq == 4:  # nothing right but identifier and number: forged blindly
        send(reply(identifier, seq, b"\xaa" * len(payload)))
        send(right)
    elif seq == 5:  # right, but from somebody else
        source, target = socket.inet_aton("127.0.0.3"), socket.inet_aton(client)
        length = 20 + len(right)
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 9, 0, 64, 1, 0, source, target)
        by_hand.sendto(ip + right, (client, 0))
        send(right)
    elif seq == 6:  # another program's
        send(reply(identifier ^ 1, seq, payload))
        send(right)
    elif seq == 7:  # after its timeout
        time.sleep(1)
        send(right)
    elif seq == 8:  # cut off
        send(reply(identifier, seq, payload[:20]))
    elif seq == 9:  # a number that was never sent
        send(reply(identifier, 99, b"\xaa" * len(payload)))
        send(right)
    elif seq == 10:  # forged errors, of which none stops the reply
        blind = packet[: header + 8] + b"\xaa" * 56
        send(message(3, 1, none, blind))
        send(message(3, 1, none, packet, spoil=0x10))
        send(message(5, 1, socket.inet_aton("127.0.0.3"), packet))
        send(right)
        send(message(3, 1, none, packet))
    elif seq == 11:  # a true error, and a reply that comes all the same
        send(message(3, 13, none, packet[: header + 8]))
        send(right)
    elif seq == 12:  # a number that was never sent, over the payload of this one
        send(reply(identifier, 99, payload))
    else:
        send(right)
