"""The golden machine of uefi, onto NVMe under Secure Boot. Starts by the entry in NVRAM, first as the next one and then
as the first in the order; and again after NVRAM was lost."""

from rack import layouts
from rack.layouts import Clone

LAYOUT = layouts.load("uefi").LAYOUT
CLONES = [Clone(18, "nvme", by_desc=True, firmware="secure-boot", starts=("entry", "entry", "lost"))]
