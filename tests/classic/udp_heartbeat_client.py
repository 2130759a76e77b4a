"""A heartbeat client as courses have it: beats until three in a row go unanswered.

usage: udp_heartbeat_client.py HOST PORT BEATS. Exits with 1 after an answer to
another beat than the last one.
"""
import socket
import sys
import time

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(0.3)
misses = 0
for number in range(1, int(sys.argv[3]) + 1):
    client.sendto(("%d %r" % (number, time.time())).encode(), (sys.argv[1], int(sys.argv[2])))
    try:
        reply, _ = client.recvfrom(1024)
    except socket.timeout:
        misses += 1
        print("%d timed out" % number, flush=True)
        if misses == 3:
            print("server down", flush=True)
            break
        continue
    misses = 0
    seq, diff = reply.decode().split()
    if int(seq) != number:
        sys.exit(1)
    print("%d %.6f" % (number, float(diff)), flush=True)
