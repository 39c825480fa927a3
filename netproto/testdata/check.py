"""Checks the test vectors in this folder without any of tincan's code.

    python3 netproto/testdata/check.py

The standard library is enough for key derivation, hop tags, voice bodies,
framing and control packages. With the package "cryptography" (44 or newer) the
passphrase keys (argon2id), X25519, Ed25519 and what is sealed are checked too.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import struct
import urllib.parse

HERE = pathlib.Path(__file__).parent
done = {}
proofs = {}  # by RESUME, as in keys.json


def load(name):
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def check(what, got, want):
    assert got == want, f"{what}: {got!r}, not {want!r}"
    done[what] = done.get(what, 0) + 1


def hkdf(secret, salt, info, size):  # RFC 5869
    prk = hmac.digest(salt or bytes(32), secret, "sha256")
    block, out, i = b"", b"", 1
    while len(out) < size:
        block = hmac.digest(prk, block + info + bytes([i]), "sha256")
        out, i = out + block, i + 1
    return out[:size]


def keys():
    v = load("keys.json")
    secret, hop = bytes.fromhex(v["room_secret"]), bytes.fromhex(v["hop_key"])
    for k in v["voice_keys"]:
        info = b"tincan v1 voice" + struct.pack(">II", k["session"], k["epoch"])
        check("voice keys", hkdf(secret, b"", info, 16).hex(), k["key"])
    for name, size in ("up", 16), ("down", 16), ("tag", 32):
        check("hop keys", hkdf(hop, b"", b"tincan v1 hop " + name.encode(), size).hex(), v[name])
    prove = hkdf(hop, b"", b"tincan v1 resume", 32)
    check("hop keys", prove.hex(), v["resume"])
    for p in v["resume_proofs"]:
        proof = hmac.digest(prove, p["resume"].encode(), "sha256")
        check("proofs", proof.hex(), p["proof"])
        proofs[p["resume"]] = base64.b64encode(proof).decode()
    phrases = {"": bytes(32)}
    for p in v["passphrases"]:
        key = phrases[p["passphrase"]] = bytes.fromhex(p["key"])
        if Argon2id:
            salt = hashlib.sha256(b"tincan v1 passphrase\0" + p["room"].encode()).digest()[:16]
            kdf = Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=64 * 1024)
            check("passphrase keys", kdf.derive(p["passphrase"].encode()), key)
    for f in v["fresh"]:
        mac = hkdf(phrases[f["passphrase"]], b"", b"tincan v1 fresh", 32)
        public = bytes.fromhex(f["public"])
        if X25519PrivateKey:
            check("public keys", public_of(bytes.fromhex(f["private"])), public)
        tag = hmac.digest(mac, public + f["room"].encode() + b"\0" + f["name"].encode(), "sha256")[:16]
        check("fresh values", (public + tag).hex(), f["fresh"])
    for i in v["identities"]:
        fresh, phrase = bytes.fromhex(i["fresh"]), phrases[i["passphrase"]]
        text = b"tincan v1 identity" + prefixed(i["room"].encode()) + prefixed(i["name"].encode()) + fresh
        public, signature = bytes.fromhex(i["public"]), bytes.fromhex(i["signature"])
        check("names of identities", "ed25519:" + base64.b64encode(public).decode().rstrip("="), i["text"])
        key = hkdf(phrase, b"", b"tincan v1 identity" + fresh[:32], 16)
        check("keys of identities", key.hex(), i["key"])
        if Ed25519PrivateKey:
            private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(i["seed"]))
            check("identities", private.public_key().public_bytes_raw(), public)
            check("signatures", private.sign(text), signature)
            sealed = AESGCM(key).encrypt(bytes(12), public + signature, None)
            check("identities in FRESH", (fresh + sealed).hex(), i["brought"])
    halves = sorted(digits(bytes.fromhex(i["public"])) for i in v["identities"])
    check("comparison codes", " ".join(halves), v["comparison_code"])
    for e in v["epochs"]:
        text = prefixed(e["room"].encode()) + struct.pack(">II", e["epoch"], len(e["members"]))
        for m in sorted(e["members"], key=lambda m: m["session"]):
            text += struct.pack(">I", m["session"]) + prefixed(m["name"].encode()) + prefixed(bytes.fromhex(m["fresh"]))
        members = hashlib.sha256(text).digest()
        check("lists of members", members.hex(), e["list"])
        made = hkdf(bytes.fromhex(e["media_key"]), phrases[e["passphrase"]], b"tincan v1 epoch" + members, 32)
        check("room secrets", made.hex(), e["room_secret"])
    for s in v["sender_keys"]:
        room, key, both = (bytes.fromhex(s[k]) for k in ("room_secret", "sender_key", "shared"))
        info = b"tincan v1 wrap" + struct.pack(">III", s["from"], s["to"], s["epoch"])
        wrap = hkdf(both, room, info, 16)
        if X25519PrivateKey:
            private = X25519PrivateKey.from_private_bytes(bytes.fromhex(s["private"]))
            other = X25519PublicKey.from_public_bytes(bytes.fromhex(s["public"]))
            check("shared secrets", private.exchange(other), both)
            check("wrapped keys", AESGCM(wrap).encrypt(bytes(12), key, None).hex(), s["wrapped"])
        secret = hkdf(room, key, b"tincan v1 sender", 32)
        check("secrets of talkers", secret.hex(), s["secret"])
        info = b"tincan v1 voice" + struct.pack(">II", s["from"], s["epoch"])
        check("voice keys", hkdf(secret, b"", info, 16).hex(), s["voice_key"])
    return bytes.fromhex(v["tag"])


def public_of(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def digits(public):
    h = hashlib.sha512(b"tincan v1 code" + public).digest()
    return " ".join(f"{int.from_bytes(h[5 * i:5 * i + 5], 'big') % 100000:05}" for i in range(6))


def prefixed(b):
    return struct.pack(">H", len(b)) + b


def datagrams(tag_key):
    for d in load("datagrams.json"):
        wire = bytes.fromhex(d["datagram"])
        head = bytes([1 << 6 | d["epoch"] << 4 | d["type"]]) + struct.pack(">II", d["session"], d["seq"])
        check("nonces", (b"\0\0\0" + head).hex(), d["nonce"])
        if d["type"] == 0:
            head += bytes([d["voice"] << 7 | d["level"]])
            down = wire + bytes([d["again"] << 7 | d["count"]])
            check("hop bytes", down.hex(), d["downlink"])
            tag = hmac.digest(tag_key, down, "sha256")[:4]
            check("hop tags", (down + tag).hex(), d["uplink"])
        if d["type"] == 7:
            body = bytes(range(1, 9)) + (b"\1" if "also" in d["name"] else b"")
            check("challenge replies", body.hex(), d["body"])
        check("headers", wire[: len(head)], head)
        if Cipher:
            mode = modes.GCM(bytes.fromhex(d["nonce"]), wire[-12:], min_tag_length=12)
            gcm = Cipher(algorithms.AES128(bytes.fromhex(d["key"])), mode).decryptor()
            gcm.authenticate_additional_data(head)
            body = gcm.update(wire[len(head) : -12]) + gcm.finalize()
            check("sealed bodies", body.hex(), d["body"])


def take(b):  # a length as in RFC 6716, 3.2.1
    return (b[0], b[1:]) if b[0] < 252 else (b[0] + 4 * b[1], b[2:])


def bodies():
    for v in load("bodies.json")["voice"]:
        body, number, frames = bytes.fromhex(v["body"]), v["seq"] + 1, []
        while body:
            first, body = body[0], body[1:]
            number -= 1 + (first & 0x7F)
            n, body = (len(body), body) if first & 0x80 else take(body)
            frames.append({"number": number, "data": body[:n].hex()})
            body = body[n:]
        check("voice bodies", frames, v["frames"])
    for v in load("bodies.json")["receipts"]:
        body, r = bytes.fromhex(v["body"]), v["value"]
        seq, count, reach, n = struct.unpack(">IBBB", body[:7])
        check("receipts", (seq, count, reach, len(body) - 7), (r["Seq"], r["Count"], r["Reach"], n))
        came = [body[7 + i // 8] >> i % 8 & 1 if i // 8 < n else 1 for i in range(reach)]
        check("receipts", "".join(map(str, came)), r["Map"])
    probe, ack = load("bodies.json")["probe"], load("bodies.json")["probe_ack"]
    check("probes", (struct.pack(">I", probe["value"]["Time"]) + bytes(6)).hex(), probe["body"])
    check("probes", struct.pack(">IHHH", *(ack["value"][k] for k in ("Echo", "Came", "Went", "List"))).hex(), ack["body"])
    told = load("bodies.json")["report_to_a_talker"]
    check("shifts", told["body"][-4:], struct.pack(">H", told["value"]["Shift"]).hex())
    for b in load("bodies.json")["nack"]["value"]:
        asks = [b["Base"]] + [(b["Base"] + 1 + i) % 128 for i in range(64) if b["Mask"] >> i & 1]
        check("nacks", asks, b["Asks"])

    end = load("bodies.json")["end"]
    body = bytes([len(end["value"])])
    for e in end["value"]:
        body += struct.pack(">II", e["Session"], e["Seq"])
    check("ends", body.hex(), end["body"])


def framing():
    v = load("framing.json")
    bundle, tunnel = b"\x45", b""
    for d in map(bytes.fromhex, v["datagrams"]):
        n = len(d)
        low = 252 + n % 4
        bundle += (bytes([n]) if n < 252 else bytes([low, (n - low) // 4])) + d
        tunnel += struct.pack(">H", n) + d
    check("bundles", bundle.hex(), v["bundle"])
    check("tunnels", tunnel.hex(), v["tunnel"])


def control():
    for text in load("control.json")["packages"]:
        again = json.dumps(json.loads(text))
        if "\\u007b" in text or "\\u007d" in text:  # what json.dumps does not do
            head, name = again.split('"NAME": ')
            again = head + '"NAME": ' + name[:-1].replace("{", "\\u007b").replace("}", "\\u007d") + "}"
        check("packages", again, text)
        p = json.loads(text)
        if "KEYS" in p:
            check("keys on the way", len(base64.b64decode(p["KEYS"])) % 40, 0)
        if "PROOF" in p:
            check("proofs", p["PROOF"], proofs[p["RESUME"]])


def invitations():
    for v in load("invitations.json"):
        sum, room = v["fingerprint"].removeprefix("SHA256:"), v["room"].encode()
        payload = b"" if sum == "verified" else base64.b64decode(sum + "=")
        payload += base64.urlsafe_b64decode(v["passphrase"] + "==")
        payload += hashlib.sha256(b"tincan v1 invitation\0" + payload + room).digest()[:4]
        fragment = "1" + base64.urlsafe_b64encode(payload).decode().rstrip("=")
        link = f"tincan://{v['address'].removesuffix(':9999')}/{urllib.parse.quote(room, safe='')}#{fragment}"
        check("invitations", link, v["link"])


try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
except ImportError:
    Cipher = Argon2id = Ed25519PrivateKey = X25519PrivateKey = None

datagrams(keys())
bodies()
framing()
control()
invitations()
print(", ".join(f"{n} {what}" for what, n in done.items()), "agree")
