"""The least that a threaded TCP ping server in Python can be, for benches/tcp_ping.rs."""
import socket
import threading


def serve(client):
    while message := client.recv(4096):
        client.sendall(message.upper())
    client.close()


server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(4096)
print("listening on 127.0.0.1:%d" % server.getsockname()[1], flush=True)
while True:
    client, _ = server.accept()
    threading.Thread(target=serve, args=(client,), daemon=True).start()
