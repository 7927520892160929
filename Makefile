# The everyday commands; CMake does the work. What a target needs of Debian it installs (scripts/need).
.DEFAULT_GOAL := all
.PHONY: all check demo initramfs stage2 pxe-config install clean
MAKEFLAGS += --no-print-directory

all:                     # build/musl-static/{agent/ka-init,server/ka-server}
	@scripts/need build
	@cmake --preset musl-static >/dev/null
	@cmake --build --preset musl-static

# The kernel of the nodes, and its modules: Debian's newest unless both are named.
KERNEL =
MODULES = $(if $(KERNEL),/lib/modules/$(patsubst vmlinuz-%,%,$(notdir $(KERNEL))))
FIRMWARE = /lib/firmware
WITH_USB_STORAGE =

initramfs: all           # build/all.rdz and build/vmlinuz
	@scripts/need image
	@$(if $(KERNEL),,initramfs/debian-kernel build/kernel)
	@initramfs/mkinitramfs --init build/musl-static/agent/ka-init --firmware $(FIRMWARE) \
	  --kernel $(or $(KERNEL),build/kernel/vmlinuz) --modules $(or $(MODULES),build/kernel/modules) \
	  $(if $(WITH_USB_STORAGE),--with-usb-storage) --output build/all.rdz

stage2:                  # build/rescue.sqfs
	@scripts/need image
	@$(if $(KERNEL),,initramfs/debian-kernel build/kernel)
	@initramfs/mkstage2 --modules $(or $(MODULES),build/kernel/modules) --firmware $(FIRMWARE) \
	  --work build/stage2 --output build/rescue.sqfs

clean:
	rm -rf build
