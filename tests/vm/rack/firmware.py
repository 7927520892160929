"""What a machine starts with: QEMU's BIOS, or UEFI (OVMF) with and without Secure Boot."""

import shutil
from dataclasses import dataclass
from pathlib import Path

OVMF = Path("/usr/share/OVMF")


@dataclass(frozen=True)
class Bios:
    """SeaBIOS; the card's own boot ROM (iPXE) does PXE."""

    def arguments(self, nvram: Path) -> list[str]:
        # graphics=off: the BIOS and the boot ROM speak on the serial line too.
        return ["-M", "pc,graphics=off"]

    def network_card(self, boot: str) -> str:
        return ",romfile=" if boot == "disk" else ""

    def boot_order(self, boot: str) -> list[str]:
        return ["-boot", {"network": "n", "network-first": "nc"}.get(boot, "c")]

    def disk(self, boot: str, number: int) -> str:
        return ""


@dataclass(frozen=True)
class Uefi:
    """OVMF, with its own network drivers: shim does not start from iPXE's ROM under Secure Boot."""
    code: str  # below /usr/share/OVMF
    variables: str  # what the NVRAM of a new machine holds; under Secure Boot the keys by which shim is signed
    secure: bool

    def arguments(self, nvram: Path) -> list[str]:
        if not nvram.exists():
            self.make_nvram(nvram)
        # Only code in system management mode may change what Secure Boot rests on.
        machine = ["-M", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on",
                   "-global", "ICH9-LPC.disable_s3=1"] if self.secure else ["-M", "q35"]
        return [*machine, "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF / self.code}",
                "-drive", f"if=pflash,unit=1,format=raw,file={nvram}"]

    def make_nvram(self, nvram: Path) -> None:
        shutil.copy(OVMF / self.variables, nvram)

    def network_card(self, boot: str) -> str:
        return ",romfile=" + (",bootindex=0" if boot in ("network", "http") else "")

    def boot_order(self, boot: str) -> list[str]:
        # Both ways stand in the firmware's own list, PXE first; each that does not answer costs a minute.
        pxe = ["IPv4PXESupport", "IPv6PXESupport"]
        off = {"http": pxe, "nvram": pxe, "network": ["IPv6PXESupport"]}.get(boot, [])
        return [word for name in off for word in ("-fw_cfg", f"name=opt/org.tianocore/{name},string=n")]

    def disk(self, boot: str, number: int) -> str:
        # OVMF shows a loader only the devices that are in its boot order.
        return {"disk": f",bootindex={number}", "nvram": ""}.get(boot, f",bootindex={number + 1}")


FIRMWARES = {
    "bios": Bios(),
    "uefi": Uefi("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd", secure=False),
    "secure-boot": Uefi("OVMF_CODE_4M.ms.fd", "OVMF_VARS_4M.ms.fd", secure=True),
    # In Setup Mode until Nvram.trust() gives it keys.
    "own-keys": Uefi("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.fd", secure=True),
}
