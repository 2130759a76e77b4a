"""A TCP ping server as courses have it: one client at a time, one message each.

usage: tcp_ping_server.py SEED. Prints the port it listens on, then a line for
each message: "reply", or "lost" for one in five.
"""
import random
import socket
import sys

random.seed(int(sys.argv[1]))
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.bind(("127.0.0.1", 0))
server.listen(1)
print(server.getsockname()[1], flush=True)
while True:
    connection, address = server.accept()
    message = connection.recv(1024).decode()
    if random.random() < 0.2:
        connection.send(b"LOST")
        print("lost", flush=True)
    else:
        connection.send(message.upper().encode())
        print("reply", flush=True)
    connection.close()
