#!/bin/sh
# microphone.sh - `potstill live` hears a real microphone, as far as the system's sound can tell.
#
#     scripts/microphone.sh [POTSTILL [MODEL]]
#
# A PulseAudio server of its own has an empty room, a player speaks beckett.wav into it, and the program
# listens to the room through PortAudio and ALSA at the pace of speech, then gets a Ctrl-C. What it recorded,
# resampled from 44.1 kHz, must have the words of the file; how late lines were is printed.
# Part of `make proof`: it takes as long as the clip, and installs what it needs on Debian and Ubuntu.
set -eu
cd "$(dirname "$0")/.."
program=${1:-build/release/potstill}
model=${2:-models/moonshine-tiny}
clip=models/audio/beckett.wav

for package in pulseaudio pulseaudio-utils libasound2-plugins; do
    dpkg -s $package > /dev/null 2>&1 && continue
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get install -y --no-install-recommends pulseaudio pulseaudio-utils libasound2-plugins
done
home=$(mktemp -d "${TMPDIR:-/tmp}/potstill-room.XXXXXX")
trap 'pulseaudio --kill 2> /dev/null; rm -rf "$home"' EXIT
export HOME="$home" XDG_RUNTIME_DIR="$home"
echo 'pcm.!default { type pulse }' > "$home/.asoundrc"
pulseaudio --daemonize=yes --exit-idle-time=-1 -n --load=module-native-protocol-unix \
    --load='module-null-sink sink_name=room' 2> /dev/null
pactl set-default-source room.monitor

"$program" live --model "$model" --mic pulse --format jsonl --record "$home/heard.wav" > "$home/lines" &
listener=$!
sleep 2
paplay -d room $clip
sleep 1
kill -INT $listener
wait $listener || [ $? -eq 130 ]

words() { "$program" transcribe --model "$model" "$1" | tr '[:upper:]' '[:lower:]' | tr -d '[:punct:]'; }
said=$(words $clip)
heard=$(words "$home/heard.wav")
lines=$(grep -c line_completed "$home/lines")
late=$(sed -n 's/.*"line_completed".*"latency_ms":\([0-9]*\).*/\1/p' "$home/lines" | sort -n | tail -1)
echo "microphone: $lines lines, the latest $late ms after its pause: $heard"
[ "$said" = "$heard" ] || { echo "microphone: the words of the file are: $said"; exit 1; }
[ "$lines" -ge 5 ]
