"""A UDP ping client as courses have it: ten pings, one second of patience.

usage: udp_ping_client.py HOST PORT. Exits with 1 after a reply that is not
the upper-cased request.
"""
import socket
import sys
import time

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(1)
for number in range(1, 11):
    start = time.time()
    message = "Ping %d %s" % (number, time.ctime(start))
    client.sendto(message.encode(), (sys.argv[1], int(sys.argv[2])))
    try:
        reply, _ = client.recvfrom(1024)
    except socket.timeout:
        print("Request timed out", flush=True)
        continue
    print("%s RTT %.6f" % (reply.decode(), time.time() - start), flush=True)
    if reply.decode() != message.upper():
        sys.exit(1)
