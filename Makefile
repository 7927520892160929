# The everyday commands; CMake and the scripts do the work. What a target needs of Debian it installs (scripts/need),
# and says so. Everything is made under build/, and again only when what it is made of has changed.
#
#   make              the programs, static: build/musl-static/agent/ka-init, build/musl-static/server/ka-server
#   make initramfs    build/all.rdz and build/vmlinuz, which nodes boot
#                     [KERNEL=… MODULES=… FIRMWARE=… WITH_USB_STORAGE=1 KAKEY=KEY[,KEY]]
#   make stage2       build/rescue.sqfs, the tools of a clone             [KERNEL=… MODULES=… FIRMWARE=…]
#   make update       both, with Debian's newest kernel and packages      [SUITE=bookworm-backports]
#   make uki          build/ka.efi: kernel and all.rdz as one signed program     KEY=… CERT=… [KAKEY=… APPEND=…]
#   make pxe-config   build/pxe-config, for the boot servers              [INTERFACE=… SERVER=… RANGE=… …, VALUES=FILE]
#   make install      all of it, on a golden node or a boot server        [DESTDIR=… PREFIX=/usr]
#   make uninstall    takes that away again; /etc/ka stays                [DESTDIR=… PREFIX=/usr]
#   make deb          build/packages/ka_*.deb and ka-boot_*.deb, of the same files, for Debian 12 and 13
#   make tarball      build/packages/ka-*-x86_64.tar.gz, with an install script, for every other distribution
#   make check        every test, one summary at the end
#   make check-matrix golden disks of every layout, of which make check has those that have something no other has;
#                     writes docs/layouts.md
#   make check-moments
#                     servers and cables that go at twenty random moments before the first write  [KA_SEED=…]
#   make check-disks  disks that refuse, lose or hold back what is written to them; earlier clones, two paths of one,
#                     earlier lives of RAID, LVM and LUKS, disks that are pulled out, a passphrase that is typed
#   make check-debian13
#                     a Debian 13 of today (Secure Boot, NVMe, XFS, Btrfs) onto two machines
#                     [WAY=isc|http|proxy|kea|own|service]
#   make check-debian12-raid
#                     a Debian 12 on RAID1 and LVM (UEFI, a thin /home) onto two machines with other disks
#   make check-firmwares
#                     a Debian 12 with KA's packages and one command, onto a BIOS, a UEFI and a Secure Boot machine
#   make check-uki    a signed image under Secure Boot with a key of one's own: cloned, or refused by the firmware
#   make check-dracut a Debian 12 with an initrd by dracut onto two machines, which both need other drivers in it
#   make check-web    the page of --web in headless Chromium; makes the pictures of docs/
#   make check-deb    installs, upgrades, removes and purges the packages in bare Debian 12 and 13; asks lintian
#   make check-shelf  a golden machine saved, compared, gone, and deployed from others onto three
#   make tidy         clang-tidy over all sources of the products: many minutes
#   make format       all C++ as .clang-format has it
#   make soak         simulated chains, seed after seed, until one goes wrong
#   make bench        the chain beside netcat and udpcast: docs/performance.md
#   make bench-web    what --web costs with a thousand nodes
#   make bench-clone  a clone beside a script written by hand: docs/clone-times.md
#   make demo         a virtual rack: a Debian clones itself onto two blank machines
#   make clean        build/ is removed, with the packages that were fetched
#   make help         this list
.DEFAULT_GOAL := all
.PHONY: all check check-matrix check-moments check-disks check-debian13 check-debian12-raid check-firmwares \
  check-uki check-dracut check-web check-deb check-shelf deb tarball tidy format soak bench bench-web bench-clone demo \
  initramfs stage2 update uki pxe-config install uninstall clean help
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory

all: build-packages build/musl-static/build.ninja
	@cmake --build --preset musl-static

# Debian packages, by the groups of packages.txt.
package_groups = build-packages check-packages image-packages uki-packages pxe-packages rack-packages
.PHONY: $(package_groups) deb-packages
$(package_groups) deb-packages: %-packages:
	@scripts/need $*

# Ninja configures again by itself when that is needed.
build/%/build.ninja: | build-packages
	@mkdir -p build
	@echo "Configuring $*$(if $(filter musl%,$*), (a C++ library for musl is made first: a minute or two))"
	@cmake --preset $* > build/$*.log 2>&1 || { cat build/$*.log; rm -f $@; exit 1; }

# Their compiler is one of them.
build/sanitize/build.ninja: | check-packages

# The kernel of the nodes, and its modules: Debian's newest (when it was fetched) unless both are named.
KERNEL =
MODULES = $(if $(KERNEL),/lib/modules/$(patsubst vmlinuz-%,%,$(notdir $(KERNEL))))
FIRMWARE = /lib/firmware
WITH_USB_STORAGE =
modules = --modules $(or $(MODULES),build/kernel/modules) --firmware $(FIRMWARE)

.PHONY: kernel images
kernel: image-packages
	@$(if $(KERNEL),true,initramfs/debian-kernel build/kernel)

initramfs: all kernel
	@initramfs/mkinitramfs --init build/musl-static/agent/ka-init \
	  --kernel $(or $(KERNEL),build/kernel/vmlinuz) $(modules) \
	  $(if $(WITH_USB_STORAGE),--with-usb-storage) $(if $(KAKEY),--kakey $(KAKEY)) --output build/all.rdz

stage2: kernel
	@initramfs/mkstage2 $(modules) --work build/stage2 --output build/rescue.sqfs

# Both: stage2 waits for the network and one packer, while the programs are compiled.
images:
	@$(MAKE) -j2 initramfs stage2

# The next stage2 asks apt again which versions its packages have.
SUITE =
update: image-packages
	@initramfs/debian-kernel --update $(if $(SUITE),--suite $(SUITE)) build/kernel
	@rm -f build/rescue.sqfs.inputs
	@$(MAKE) images

# Each, given to make, is an option of ka-server pxe-config; what the environment calls DOMAIN is not.
PXE_OPTIONS = INTERFACE SERVER SUBNET RANGE GATEWAY DNS DOMAIN HOST_PREFIX TFTP_ROOT EFI_LOADER HTTP DEFAULT TIMEOUT \
  SERIAL APPEND UKI VALUES KEY KAKEY
lower = $(shell echo '$1' | tr A-Z_ a-z-)
given = $(foreach option,$1,$(if $(findstring command,$(origin $(option))),--$(call lower,$(option)) '$($(option))'))

pxe-config: initramfs pxe-packages
	@build/musl-static/server/ka-server pxe-config --templates pxe-config --output build/pxe-config \
	  --install-boot-files --boot-files build --packages build/unpacked \
	  $(call given,$(PXE_OPTIONS))

uki: initramfs uki-packages
	@initramfs/mkuki --output build/ka.efi $(call given,KEY CERT KAKEY APPEND)

# ka-server looks for its other files beside itself: below the PREFIX that it is in. A ka.conf that is there stays as it
# is. Whoever installs may have a umask of 077; nodes and boot servers must read what is installed all the same.
PREFIX = /usr
DESTDIR =
where = --prefix '$(PREFIX)' --destdir '$(DESTDIR)'
# Each lays out what is installed in a folder of its own: two may run at once.
with_tree = tree=$$(mktemp -d) && trap 'rm -rf "$$tree"' EXIT && packaging/tree build "$$tree" &&
install: images
	@$(with_tree) packaging/install --from "$$tree" $(where)

uninstall:
	@packaging/install --uninstall $(where)

deb: images
	@$(with_tree) packaging/deb "$$tree" build/packages

tarball: images
	@$(with_tree) packaging/tarball "$$tree" build/packages

check-deb: deb deb-packages
	@tests/packages/packages_test.py build

# The programs' build has long steps on one processor, and downloads: the tests' own build goes on meanwhile.
check:
	@scripts/need $(package_groups:-packages=)
	@$(MAKE) -j3 initramfs stage2 build-tests
	@ctest --preset sanitize

.PHONY: build-tests
build-tests: build/sanitize/build.ninja
	@cmake --build --preset sanitize --target all fuzzers

check-matrix: images pxe-packages rack-packages build/sanitize/build.ninja
	@cmake --build --preset sanitize --target build.ninja
	@rm -rf build/vm/layouts
	@ctest --preset matrix; failed=$$?; tests/vm/layouts-page && exit $$failed

check-moments: images pxe-packages rack-packages
	@tests/vm/rack-tool golden tiny
	@KA_SEED=$(KA_SEED) tests/vm/moments_test.py

# WAY: the boot servers, as tests/vm/debian13_test.py has them.
WAY = isc
check-debian13: images $(if $(filter own service,$(WAY)),deb) pxe-packages rack-packages
	@tests/vm/debian13_test.py $(WAY)

check-firmwares: images deb pxe-packages rack-packages
	@tests/vm/three_firmwares_test.py

check-debian12-raid: images pxe-packages rack-packages
	@tests/vm/debian12_raid_test.py

check-shelf: images pxe-packages rack-packages
	@tests/vm/rack-tool golden tiny-pxe
	@tests/vm/shelf_test.py

check-uki: images uki-packages pxe-packages rack-packages
	@tests/vm/rack-tool golden efi_stub
	@tests/vm/uki_test.py

check-dracut: images pxe-packages rack-packages
	@tests/vm/main_test.py debian-dracut

# With real programs in network namespaces, and a browser.
check-web: all
	@scripts/need web
	@KA_BIN=build/musl-static tests/net/web_test.py docs

# Disks that refuse, lose or hold back what is written to them.
check-disks: images pxe-packages rack-packages
	@tests/vm/rack-tool golden tiny layers
	@tests/vm/failure_test.py OddDisks
	@tests/vm/disks_test.py
	@tests/vm/layers_test.py

format: check-packages
	@tests/house/format.sh --fix .

# clang-tidy over all sources of the products, which takes many minutes.
tidy: build/sanitize/build.ninja
	@tests/house/tidy.py . build/sanitize

# Simulated chains, seed after seed, until it is interrupted or one goes wrong.
soak: build/sanitize/build.ninja
	@cmake --build --preset sanitize --target ka_sim
	@build/sanitize/tests/sim/ka_sim --from $$(date +%s) --count 0 --nodes 2000

# Side by side with netcat and udpcast; writes docs/performance.md.
bench: all build/host/build.ninja
	@scripts/need bench
	@cmake --build --preset host --target ka_thousand
	@KA_BIN=build/musl-static bench/bench.py

bench-web: build/host/build.ninja
	@cmake --build --preset host --target ka_watched
	@build/host/bench/ka_watched

# On the rack, power-on to reboot, beside busybox; writes docs/clone-times.md. BEFORE is the folder build/ of an earlier
# commit, whose programs and all.rdz clone in the same run.
BEFORE =
bench-clone: images pxe-packages rack-packages
	@bench/clone $(if $(BEFORE),--before $(BEFORE))

demo: images pxe-packages rack-packages
	@tests/vm/demo

clean:
	rm -rf build

help:
	@sed -n 's/^#   //p' Makefile
