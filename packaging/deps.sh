# shellcheck shell=bash
# deps.sh: which systems, which packages, and how they come onto the machine. Sourced by quickstart,
# build-deb and run-tests.

BUILD_PACKAGES=(gcc libc6-dev meson ninja-build pkg-config libfuse3-dev libcurl4-openssl-dev
	libjson-c-dev libyajl-dev libarchive-dev libzip-dev zlib1g-dev libssl-dev libutf8proc-dev
	libcsv-dev libinih-dev libsecret-1-dev libnotify-dev libxlsxwriter-dev libsqlite3-dev)
RUN_PACKAGES=(fuse3 python3 ca-certificates tzdata)
# shellcheck disable=SC2034 # used by run-tests
TEST_PACKAGES=(clang codespell curl dbus e2fsprogs git gnome-keyring libcmocka-dev libglib2.0-bin python3-dbus
	python3-gi python3-openpyxl python3-pandas python3-pytest python3-pytest-timeout python3-pytest-xdist rsync strace)
# shellcheck disable=SC2034 # used by run-tests: the programs of tests/battery
BATTERY_PACKAGES=(borgbackup cpio csvkit file gawk gnumeric gpg jq less lftp libarchive-tools
	libreoffice-calc libxml2-utils lua5.4 mc miller nano nginx nodejs openssh-client
	openssh-sftp-server openssl p7zip-full pcmanfm php-cli pigz pspp python3-numpy python3-pexpect
	python3-uno r-base-core r-cran-data.table r-cran-haven r-cran-readr r-cran-readxl r-cran-vroom
	rclone ripgrep ruby samba samba-vfs-modules smbclient sqlite3 unzip vim-tiny xdotool xvfb xxd
	xz-utils zip zstd)
# shellcheck disable=SC2034 # used by build-deb
DEB_PACKAGES=(debhelper dpkg-dev)
# shellcheck disable=SC2034 # used by run-tests: tests/package, and the shells whose completions are checked
PACKAGE_PACKAGES=(bash-completion fish lintian mmdebstrap systemd zsh)
# What these start when they are installed, now and with the machine. Nobody asked for that.
declare -A SERVICES=([nginx]=nginx [samba]="nmbd samba-ad-dc smbd")

die() {
	printf '%s\n' "$*" >&2
	exit 1
}

# One sentence and the end on a system that this script does not know.
check_system() {
	local id='' version='' name=''
	# shellcheck disable=SC1091
	{ read -r id && read -r version && read -r name; } < <(
		. /etc/os-release 2>/dev/null || true
		printf '%s\n%s\n%s\n' "${ID:-unknown}" "${VERSION_ID:-}" "${PRETTY_NAME:-This system}")
	case $id in
	debian) # testing and unstable have no number
		[ -z "$version" ] || [ "${version%%.*}" -ge 12 ] ||
			die "$name is too old: qxfs needs Debian 12 or newer." ;;
	ubuntu)
		[ "${version%%.*}" -ge 24 ] ||
			die "$name is too old: qxfs needs Ubuntu 24.04 or newer." ;;
	*)
		die "This script knows Debian 12 and Ubuntu 24.04 or newer; on $name install what they" \
			"call ${BUILD_PACKAGES[*]} ${RUN_PACKAGES[*]}, then run: meson setup build" \
			"-Dtests=false && meson compile -C build && build/qxfs demo" ;;
	esac
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "Packages have to be installed: run this as root, or install sudo."
	fi
}

APT=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)

apt() {
	as_root "${APT[@]}" "$@" </dev/null
}

install_packages() {
	local package services=
	for package in "$@"; do services+=${SERVICES[$package]:+ ${SERVICES[$package]}}; done
	if [ -z "$services" ]; then
		apt install -y --no-install-recommends "$@"
	else
		as_root unshare --mount bash -c "$(declare -f stopped)"'; stopped "$@"' bash "$services" \
			"${APT[@]}" install -y --no-install-recommends "$@" </dev/null
	fi
}

# stopped SERVICES COMMAND…: an installation that brings these services, but neither starts nor
# enables them. Run by root in a mount namespace of its own: the policy that refuses to start them
# is seen there only, and gone with it whatever happens. The machine's own policy is asked for all
# other services.
stopped() {
	local service services= policy=/usr/sbin/policy-rc.d own=true folder status=0
	for service in $1; do
		[ -e "/etc/systemd/system/$service.service" ] || services+=" $service" # not who made his own
	done
	shift
	trap : HUP INT TERM # those are for COMMAND; what follows it is done all the same
	folder=$(mktemp -d) && mount -t tmpfs policy "$folder" || return
	if [ -e "$policy" ]; then
		cp -L --preserve=mode "$policy" "$folder/own" || return
	else
		own=false
		: >"$policy" || return # to mount on; nobody asks a file that cannot be executed
	fi
	cat >"$folder/policy" <<-END
		#!/bin/sh
		for word; do
			for service in $services; do
				case \$word in "\$service" | "\$service.service") exit 101 ;; esac
			done
		done
		[ ! -x $folder/own ] || exec $folder/own "\$@"
		[ -e /sbin/init ] || exit 101 # as without any policy
	END
	chmod 755 "$folder/policy" && mount --bind "$folder/policy" "$policy" && [ -x "$policy" ] || return
	"$@" || status=$?
	for service in $services; do
		systemctl --quiet disable "$service" || update-rc.d "$service" disable
	done >/dev/null 2>&1
	umount "$policy" && { $own || rm -f "$policy"; }
	umount "$folder" && rmdir "$folder"
	return "$status"
}

# need PACKAGE…: installs those that are missing.
need() {
	local package missing=() log
	for package in "$@"; do
		case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
		'install ok installed') ;;
		*) missing+=("$package") ;;
		esac
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
		die "Missing packages: ${missing[*]}. Run this as root, or install sudo."
	echo "Installing ${missing[*]}"
	log=$(mktemp)
	# No lists, or old ones that name files which are gone: fetch them, once.
	if { compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null &&
		install_packages "${missing[@]}"; } >"$log" 2>&1 ||
		{ apt update && install_packages "${missing[@]}"; } >"$log" 2>&1; then
		rm -f "$log"
	else
		tail -n 20 "$log" >&2
		rm -f "$log"
		die "The packages could not be installed."
	fi
}

# Everybody may open /dev/fuse on a system whose udev has seen fuse3's rule; a container or a small
# virtual machine without udev leaves it to root.
open_fuse() {
	[ -c /dev/fuse ] || die "There is no /dev/fuse: this machine (a container?) does not allow mounts."
	case $(stat -c %A /dev/fuse) in
	???????rw?) ;;
	*) as_root chmod 666 /dev/fuse ;;
	esac
}
