# A formula for a tap: brew install --HEAD packaging/homebrew/potstill.rb; a release sets url and sha256 (docs/RELEASE.md).
class Potstill < Formula
  desc "Run fine-tuned Moonshine speech models"
  homepage "https://github.com/OWNER/potstill"
  url "https://github.com/OWNER/potstill/releases/download/v0.1.0/potstill-0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "MIT"
  head "https://github.com/OWNER/potstill.git", branch: "main"

  depends_on "cmake" => :build
  depends_on "ninja" => :build
  depends_on "pkgconf" => [:build, :test]
  depends_on "jansson"
  depends_on "libmicrohttpd"
  depends_on "libsndfile"
  depends_on "libsoxr"
  depends_on "openssl@3"
  depends_on "pcre2"
  depends_on "portaudio"
  depends_on "protobuf-c"
  depends_on "utf8proc"
  depends_on "wslay"
  depends_on "xxhash"

  uses_from_macos "curl"

  def install
    system "cmake", "-S", ".", "-B", "build", "-G", "Ninja", "-DPOTSTILL_TESTS=OFF",
                    "-DPOTSTILL_PROGRAM_SHARED=ON", "-DCMAKE_INSTALL_RPATH=#{rpath}", *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
    pkgshare.install "examples/transcribe.c", "examples/commands"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/potstill --version")
    clip = Dir[pkgshare/"commands/clips/*.flac"].first
    assert_match(/\w/, shell_output("#{bin}/potstill transcribe --model #{pkgshare}/commands --vad off #{clip}"))
    flags = shell_output("pkgconf --cflags --libs potstill").chomp.split
    system ENV.cc, "-std=c11", pkgshare/"transcribe.c", *flags, "-o", "app"
    assert_match "usage", shell_output("./app 2>&1", 2)
  end
end
