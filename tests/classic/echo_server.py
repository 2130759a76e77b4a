"""A minimal echo server as every textbook has it; its argument is tcp or udp. It prints its port."""
import socket
import sys

kind = socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM
server = socket.socket(socket.AF_INET, kind)
server.bind(("127.0.0.1", 0))
if sys.argv[1] == "tcp":
    server.listen()
print(server.getsockname()[1], flush=True)
while True:
    if sys.argv[1] == "udp":
        data, client = server.recvfrom(65536)
        server.sendto(data, client)
        continue
    connection, client = server.accept()
    while data := connection.recv(1024):
        connection.sendall(data)
    connection.close()
