"""An MBR onto an SD card, which can be taken out, and is cloned onto only if the server allows that."""

from dataclasses import replace

from rack.layouts import Clone
from rack.tiny import DOS

LONG = True
# It knows a reader of SD cards.
LAYOUT = replace(DOS, image="tiny-sd.img", modules=("sdhci_pci", "mmc_block"))
CLONES = [Clone(6, "sd-card", by_desc=True, options="--allow-removable")]
