"""A TCP ping client as courses have it: ten pings, a connection for each.

usage: tcp_ping_client.py HOST PORT. Reads once for each reply, and exits with
1 after one that is neither the upper-cased request nor LOST.
"""
import datetime
import socket
import sys
import time

for number in range(1, 11):
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.settimeout(10)
    start = time.time()
    client.connect((sys.argv[1], int(sys.argv[2])))
    message = "ping %d %s" % (number, datetime.datetime.now())
    client.send(message.encode())
    reply = client.recv(1024).decode()
    print("%s RTT %.6f" % (reply, time.time() - start), flush=True)
    client.close()
    if reply not in (message.upper(), "LOST"):
        sys.exit(1)
