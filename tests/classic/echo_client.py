"""A minimal echo client as every textbook has it; its arguments are tcp or udp, and a port. It prints what comes back."""
import socket
import sys

kind = socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM
client = socket.socket(socket.AF_INET, kind)
client.settimeout(60)
client.connect(("127.0.0.1", int(sys.argv[2])))
for number in range(10):
    client.sendall(f"message {number}".encode())
    print(client.recv(1024).decode())
