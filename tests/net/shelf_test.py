#!/usr/bin/env python3
"""A golden image (golden_image.py) and the real programs: shelf_test.py NAME…, or all.

What is not as it was saved is refused in a sentence, and nobody gets anything of it.
"""

import json
import os
import shutil
import signal
import subprocess

import rack
from golden_image import IN_A_VAULT, MANIFEST, STAGE2, Image
from rack import Rack, check, finish

NOBODY = 65534


def server_says(*words):
    """Exit status, standard output and standard error of ka-server, on this machine."""
    done = subprocess.run([rack.program("ka-server"), *words], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def give_to_nobody(folder):
    for directory, _, names in os.walk(folder):
        for name in (".", *names):
            os.chown(os.path.join(directory, name), NOBODY, NOBODY)


def deploy_file(rack_, path, *words):
    """As somebody who is not root, and may not look into this tree; its output is the process's standard error."""
    os.chown(path, NOBODY, NOBODY)
    os.chmod(rack_.folder, 0o711)
    program = shutil.copy(rack.program("ka-server"), rack_.path("ka-server"))
    return rack_.start("s", "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "sh", "-c",
                       'exec "$@" >&2', "sh", program, "deploy", path, *words,
                       *(() if "--key" in words or "--open" in words else ("--open",)))


def deploy(rack_, image, *words):
    give_to_nobody(image.folder)
    return deploy_file(rack_, image.folder, *words)


def receive(rack_, session, level=("--open",)):
    """What a node gets of it."""
    client = rack_.start("n1", rack.program("ka-client"), "-s", session, *level, "-t", "20", "-o",
                          rack_.path(session))
    status, said = finish(client)
    check(status == 0, f"{session}: ka-client ended with {status}: {said}")
    with open(rack_.path(session), "rb") as file:
        return file.read()


def not_root_serves_what_is_in_the_image():
    with Rack(1) as rack_:
        image = Image(rack_.path("image"))
        server = deploy(rack_, image, "-n", "1")
        rack_.wait_for_greeting("n1", "10.99.0.2")
        check(receive(rack_, "getstage2") == STAGE2, "stage2 is another one")
        told = json.loads(receive(rack_, "kainstall1"))
        check(told["of_a_later_ka"] == [1, 2], f"what only a later KA knows is lost: {told}")
        check(told["tar_compression"] == "zstd" and told["passphrases"] == "none", str(told))
        server.send_signal(signal.SIGINT)
        status, said = finish(server)
        check(status == 130 and "of golden, saved 2026-11-23T08:00:00Z by KA 1.0.0" in said, f"{status}: {said}")


def what_is_not_as_it_was_saved_is_refused():
    """Nobody waits for it, and nobody could get anything."""
    def foreign(image):
        image.index.update(version=7, made_by="9.1.0")
        image.write_index()

    def needy(image):
        image.index["needs"] = ["holes"]
        image.write_index()

    def of_another(image):
        image.add("stage2.sqfs", STAGE2[::-1])

    def longer(image):
        image.add("system.tar.zst", image.read("system.tar.zst") + b"x")

    def later_manifest(image):
        image.index["made_by"] = "9.1.0"
        image.index["manifest"] = image.add("manifest.json", json.dumps(MANIFEST | {"version": 99}).encode())
        image.write_index()

    def unfinished(image):
        os.rename(image.path("image.json"), image.path("saving.json"))

    cases = ((lambda image: image.damage("manifest.json"), "manifest.json: its SHA-256 is not the one"),
             (lambda image: image.damage("stage2.sqfs"), "stage2.sqfs: its SHA-256 is not the one"),
             (of_another, "stage2.sqfs: its SHA-256 is not the one"),
             (longer, "system.tar.zst has "),
             (lambda image: os.truncate(image.path("system.tar.zst"), 1000), "system.tar.zst has 1000 bytes, not the "),
             (lambda image: os.remove(image.path("system.tar.zst")), "system.tar.zst: No such file"),
             (lambda image: os.truncate(image.path("image.json"), 100), "its index is not whole, valid JSON"),
             (unfinished, "is not whole: its saving has not come to its end"),
             (foreign, "version: is 7, this is KA "), (needy, "needs: are holes, which this KA"),
             (later_manifest, "the image is of KA 9.1.0"))
    with Rack(0) as rack_:
        for number, (change, why) in enumerate(cases):
            image = Image(rack_.path(str(number)))
            change(image)
            status, out, said = server_says("deploy", image.folder, "-n", "1", "--interface", "lo", "--open")
            check(status == 1 and why in said and said.count("\n") == 1, f"{why}: it ended with {status}: {said}")
            check(out == "", f"it went on: {out}")


def without_nodes_every_byte_is_looked_at():
    with Rack(0) as rack_:
        for packed in (True, False):
            image = Image(rack_.path(f"image{packed}"), packed)
            status, out, said = server_says("deploy", image.folder)
            check(status == 0 and said == "" and "This image is whole. Nothing was sent" in out, f"{status}: {said}")
            name = image.index["streams"][0]["file"]["name"]
            image.damage(name)
            status, out, said = server_says("deploy", image.folder)
            check(status == 1 and f"{name}: its SHA-256 is not the one" in said and out == "", f"{status}: {out}{said}")


def an_image_is_not_written_over():
    with Rack(0) as rack_:
        image = Image(rack_.path("image"))
        before = {name: image.read(name) for name in os.listdir(image.folder)}
        status, _, said = server_says("save", image.folder)
        check(status == 1 and "there is an image in it already" in said, f"{status}: {said}")
        check({name: image.read(name) for name in os.listdir(image.folder)} == before, "it was changed")
        os.remove(image.path("image.json"))
        status, _, said = server_says("save", image.folder)
        check(status == 1 and "it is not empty" in said, f"{status}: {said}")
        # Options of the plan before the subcommand would be lost without a word.
        status, _, said = server_says("-x", "/srv", "save", rack_.path("new"))
        check(status == 2 and "--exclude: stands before the subcommand" in said, f"{status}: {said}")
        check(not os.path.exists(rack_.path("new")), "a folder was made")


def who_is_not_root_answers_no_machines():
    with Rack(0) as rack_:
        status, said = finish(deploy(rack_, Image(rack_.path("image")), "-n", "1", "--pxe"))
        check(status == 1 and "only root can answer machines that boot" in said, f"{status}: {said}")


def one_file_is_served_where_it_lies():
    with Rack(1) as rack_:
        image = Image(rack_.path("image"))
        path = image.as_one_file()
        shutil.rmtree(image.folder)
        before = sorted(os.listdir(rack_.folder))
        server = deploy_file(rack_, path, "-n", "1")
        rack_.wait_for_greeting("n1", "10.99.0.2")
        check(receive(rack_, "getstage2") == STAGE2, "stage2 is another one")
        check(json.loads(receive(rack_, "kainstall1"))["of_a_later_ka"] == [1, 2], "the manifest is another one")
        server.send_signal(signal.SIGINT)
        status, said = finish(server)
        check(status == 130 and "golden, saved 2026-11-23T08:00:00Z by KA 1.0.0" in said, f"{status}: {said}")
        there = set(os.listdir(rack_.folder)) - set(before) - {"ka-server", "getstage2", "kainstall1"}
        check(there == set(), f"it has unpacked {there}")
        status, out, said = server_says("deploy", path)
        check(status == 0 and "This image is whole" in out, f"{status}: {said}")
        size = os.path.getsize(path)
        for cut in (size // 2, 20 << 10):
            os.truncate(path, cut)
            status, out, said = server_says("deploy", path, "-n", "1", "--interface", "lo", "--open")
            check(status == 1 and "is cut off" in said and out == "", f"{cut}: {status}: {said}")
        status, out, said = server_says("save", path)
        check(status == 1 and "there is a file of that name already" in said, f"{status}: {said}")


def vault(rack_):
    """An image of what is encrypted, and a file with a passphrase."""
    image = Image(rack_.path("image"))
    image.index["manifest"] = image.add("manifest.json", json.dumps(IN_A_VAULT).encode())
    image.write_index()
    key = rack_.path("key")
    with open(key, "w") as file:
        file.write("correct horse\n")
    os.chown(key, NOBODY, NOBODY)
    return image, key


def what_opens_a_clone_is_said_by_who_deploys_it():
    for ask in (True, False):
        with Rack(1) as rack_:
            image, key = vault(rack_)
            words = ("--luks-key", "ask", "--open") if ask else ("--luks-key", key, *rack_.serves())
            level = ("--open",) if ask else rack_.trusts()
            os.chown(rack_.key_file(), NOBODY, NOBODY)
            server = deploy(rack_, image, "-n", "1", *words)
            rack_.wait_for_greeting("n1", "10.99.0.2")
            receive(rack_, "getstage2", level)
            told = receive(rack_, "kainstall1", level)
            check(json.loads(told)["passphrases"] == ("asked" if ask else "sent"), str(told))
            check(b"correct horse" not in told, "all nodes of the chain are told the passphrase")
            server.send_signal(signal.SIGINT)
            status, said = finish(server)
            check(status == 130 and "correct horse" not in said, f"{status}: {said}")


def nobody_waits_for_a_clone_that_nothing_opens():
    """No image holds a passphrase: who deploys it says where it comes from, or nobody is served."""
    with Rack(0) as rack_:
        image, key = vault(rack_)
        where = ("deploy", image.folder, "-n", "1", "--interface", "lo")
        for words, why in (((), "encrypted anew on each node, and needs a passphrase there. --luks-key ask"),
                           (("--luks-key", key, "--open"), "the connections to the nodes are not encrypted"),
                           (("--luks-key", "generate"), "generate needs --json FILE"),
                           (("--luks-key", "cellar=" + key), "there is none for vault"),
                           (("--luks-key", rack_.path("gone")), "No such file")):
            status, out, said = server_says(*where, *(() if "--open" in words else rack_.serves()), *words)
            check(status == 1 and why in said and out == "", f"{words}: {status}: {out}{said}")


def differences_want_an_image():
    """Trouble is not a difference: 2, as diff(1) has it."""
    with Rack(0) as rack_:
        image = Image(rack_.path("image"))
        image.damage("manifest.json")
        for words, why in (((rack_.path("nothing"),), "No such file"),
                           ((image.folder,), "manifest.json: its SHA-256 is not the one"),
                           ((), "IMAGE is required")):
            status, out, said = server_says("diff", *words)
            check(status == 2 and why in said and out == "", f"{status}: {out}{said}")


TESTS = [not_root_serves_what_is_in_the_image, what_is_not_as_it_was_saved_is_refused,
         without_nodes_every_byte_is_looked_at, an_image_is_not_written_over, who_is_not_root_answers_no_machines,
         one_file_is_served_where_it_lies, what_opens_a_clone_is_said_by_who_deploys_it,
         nobody_waits_for_a_clone_that_nothing_opens, differences_want_an_image]


if __name__ == "__main__":
    rack.run_tests(TESTS)
