"""A heartbeat server as courses have it. Answers every beat but each third one.

usage: udp_heartbeat_server.py. Prints the port it listens on.
"""
import socket
import time

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    message, address = server.recvfrom(1024)
    number, sent = message.decode().split()
    if int(number) % 3 == 0:
        continue
    answer = "%s %s" % (number, time.time() - float(sent))
    server.sendto(answer.encode(), address)
