# The everyday commands; CMake does the work. What a target needs of Debian it installs (scripts/need).
.DEFAULT_GOAL := all
.PHONY: all check demo initramfs stage2 pxe-config install clean
MAKEFLAGS += --no-print-directory

all:                     # build/musl-static/{agent/ka-init,server/ka-server}
	@scripts/need build
	@cmake --preset musl-static >/dev/null
	@cmake --build --preset musl-static

clean:
	rm -rf build
