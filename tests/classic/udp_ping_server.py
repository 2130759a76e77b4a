"""A UDP ping server as courses have it, drawing from 0 to 10 and dropping below 4.

usage: udp_ping_server.py SEED. Prints the port it listens on, then a line for
each request: "reply" or "drop".
"""
import random
import socket
import sys

random.seed(int(sys.argv[1]))
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    message, address = server.recvfrom(1024)
    if random.randint(0, 10) < 4:
        print("drop", flush=True)
        continue
    server.sendto(message.decode().upper().encode(), address)
    print("reply", flush=True)
