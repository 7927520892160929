# The everyday commands; CMake does the work. What a target needs of Debian it installs (scripts/need).
.DEFAULT_GOAL := all
.PHONY: all check demo initramfs stage2 pxe-config install clean
SHELL = /bin/bash
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

# What nodes boot from: an option of ka-server pxe-config each, also from a file (make pxe-config VALUES=FILE).
PXE_OPTIONS = INTERFACE SERVER SUBNET RANGE GATEWAY DNS DOMAIN HOST_PREFIX TFTP_ROOT EFI_LOADER DEFAULT TIMEOUT \
  SERIAL APPEND VALUES
lower = $(shell echo '$1' | tr A-Z_ a-z-)

pxe-config: initramfs    # build/pxe-config: configuration and TFTP root for the boot servers
	@scripts/need pxe
	@build/musl-static/server/ka-server pxe-config --templates pxe-config --output build/pxe-config \
	  --install-boot-files --boot-files build \
	  $(foreach option,$(PXE_OPTIONS),$(if $($(option)),--$(call lower,$(option)) '$($(option))'))

# Programs, images and templates; a ka.conf that is there stays as it is.
PREFIX = /usr
DESTDIR =
install: initramfs stage2
	install -d $(DESTDIR)$(PREFIX)/{sbin,bin,lib/ka/boot,share/ka/pxe-config,share/man/man8,share/man/man5} \
	  $(DESTDIR)/etc/ka/hooks.d
	install -m 755 build/musl-static/server/ka-server $(DESTDIR)$(PREFIX)/sbin/ka-server
	install -m 755 build/musl-static/agent/ka-init $(DESTDIR)$(PREFIX)/bin/ka-client
	install -m 644 build/rescue.sqfs $(DESTDIR)$(PREFIX)/lib/ka/rescue.sqfs
	install -m 644 build/vmlinuz build/all.rdz $(DESTDIR)$(PREFIX)/lib/ka/boot/
	install -m 644 pxe-config/* $(DESTDIR)$(PREFIX)/share/ka/pxe-config/
	for page in $(wildcard docs/*.[1-8]); do \
	  install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done
	[ -e $(DESTDIR)/etc/ka/ka.conf ] || [ ! -e docs/ka.conf ] || install -m 644 docs/ka.conf $(DESTDIR)/etc/ka/ka.conf

clean:
	rm -rf build
