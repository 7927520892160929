"""A signer as an operator is one: a key, its certificate, and what `make uki` makes with them."""

from pathlib import Path

from . import disk
from .golden import ROOT
from .machine import Machine
from .firmware import FIRMWARES
from .nvram import Nvram
from .rack import PUBLIC_KEY
from .sandbox import run
from .tiny_clone import TinyGolden

# As the boot servers of a rack (Rack.serve) have them for other machines.
WORDS = "console=tty0 console=ttyS0,115200 no_timer_check"


class Signer:
    def __init__(self, folder: Path):
        self.key, self.certificate = folder / "db.key", folder / "db.crt"
        run("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "30", "-subj",
            "/CN=Who signs in this rack", "-keyout", self.key, "-out", self.certificate)

    def make_image(self, output: Path) -> Path:
        run(ROOT / "initramfs/mkuki", "--key", self.key, "--cert", self.certificate, "--append", WORDS,
            "--kakey", PUBLIC_KEY, "--output", output)
        return output

    def sign(self, program: Path) -> None:
        run("sbsign", "--key", self.key, "--cert", self.certificate, "--output", program, program)

    def enrol(self, machine: Machine) -> None:
        """Into a new machine that is off."""
        der = self.certificate.with_suffix(".der")
        run("openssl", "x509", "-in", self.certificate, "-outform", "DER", "-out", der)
        FIRMWARES[machine.firmware].make_nvram(machine.nvram)
        Nvram(machine.nvram).trust(der.read_bytes())


def sign_kernel(golden: TinyGolden, signer: Signer, path: str) -> None:
    """Of a golden machine that is off: the program on its EFI system partition that its firmware starts."""
    image = golden.machine.disks[0].path
    (esp,) = (one for one in disk.partitions(image) if one.number == golden.layout.esp)
    place, program = f"{image}@@{esp.offset}", image.with_suffix(".efi")
    run("mcopy", "-n", "-o", "-i", place, f"::/{path}", program)
    signer.sign(program)
    run("mcopy", "-n", "-o", "-i", place, program, f"::/{path}")
