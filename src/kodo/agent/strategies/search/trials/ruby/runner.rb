# Tries proposals on Ruby tests: each trial is a fork of this process, which has loaded the framework.
# Knows Ruby's loader, no project. Guards processor time, memory and the time of each trial.

require "json"
require "tmpdir"

MARK = "\u001ekodo "
MOST_OUTPUT_BYTES = 60_000

# Texts that stand in for files: whatever loads one of these paths gets the text instead.
module KodoOverlay
  TEXTS = {}

  def load_iseq(path)
    text = TEXTS[path]
    text ? RubyVM::InstructionSequence.compile(text, path, path) : nil
  end
end

# Tells which lines each test of minitest runs.
module KodoLines
  FOUND = []

  def run
    Coverage.result(stop: false, clear: true)
    result = super
    lines = Coverage.result(stop: false, clear: true).to_h do |file, counts|
      [file, counts.each_index.select { |index| counts[index].to_i.positive? }.map { |at| at + 1 }]
    end
    FOUND << { test: "#{self.class}##{name}", passed: result.passed?, lines: lines }
    result
  end
end

class Server
  def initialize(job)
    @job = job
    @root = Dir.pwd
    @say = Mutex.new
    @ends = now + job["seconds"]
    @greens = 0
  end

  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end

  def serve
    preload
    work = Queue.new
    @job["trials"].each { |trial| work << trial }
    box = Dir.mktmpdir
    workers = Array.new(@job["trace"] ? 1 : 2) do |number|
      Thread.new { one(work.pop(true), File.join(box, number.to_s)) while !work.empty? && !over? }
    rescue ThreadError
      nil # the other worker took the last one
    end
    workers.each(&:join)
    STDOUT.flush
    system("rm", "-rf", box)
    exit! # what the framework wants to do at the end is for the trials
  end

  def over?
    most = @job["stop_after"]
    now > @ends || (most.positive? && @greens >= most)
  end

  def preload
    $LOAD_PATH.unshift(*@job["folders"].map { |folder| File.expand_path(folder) })
    require "coverage" if @job["trace"]
    @job["preload"].each do |name|
      require name
    rescue LoadError
      nil # the project does without
    end
  end

  def one(trial, output)
    began = now
    pid = fork { play(trial, output) }
    waiter = Process.detach(pid)
    unless waiter.join(@job["trial_s"])
      Process.kill(:KILL, -pid) rescue Process.kill(:KILL, pid)
      waiter.join
    end
    status = waiter.value
    tell(trial, status, output, now - began)
  end

  def tell(trial, status, output, seconds)
    text = File.exist?(output) ? File.binread(output) : ""
    text = text.byteslice(0, MOST_OUTPUT_BYTES).force_encoding("UTF-8").scrub
    lines = File.exist?("#{output}.lines") ? JSON.parse(File.read("#{output}.lines")) : []
    code = status.exitstatus
    @say.synchronize do
      @greens += 1 if code == 0
      @ends = [@ends, now + @job["seconds_after_pass"]].min if code == 0 && @job["stop_after"].positive?
      report = { id: trial["id"], exit_code: code || 137, killed: code.nil?, output: text, seconds: seconds }
      STDOUT.write("\n#{MARK}#{JSON.generate(report.merge(lines: lines))}\n")
    end
  end

  # In the fork: become what the command would have started.
  def play(trial, output)
    Process.setpgid(0, 0)
    Process.setrlimit(:CPU, [@job["trial_s"].ceil, 1].max)
    Process.setrlimit(:AS, 4 << 30)
    file = File.open(output, "w")
    STDOUT.reopen(file)
    STDERR.reopen(file)
    STDIN.reopen(File::NULL)
    srand
    trial["files"].each { |path, text| KodoOverlay::TEXTS[File.join(@root, path)] = text }
    RubyVM::InstructionSequence.singleton_class.prepend(KodoOverlay)
    trace(output) if @job["trace"]
    ARGV.replace(@job["words"])
    gem, main = @job.values_at("gem", "main")
    $0 = gem.empty? ? main : Gem.bin_path(gem, main)
    load File.expand_path($0)
  end

  def trace(output)
    return unless defined?(Minitest::Test)
    Coverage.start
    Minitest::Test.prepend(KodoLines)
    Minitest.after_run do
      inside = KodoLines::FOUND.map do |one|
        own = one[:lines].select { |file, rows| file.start_with?("#{@root}/") && !rows.empty? }
        one.merge(lines: own.transform_keys { |file| file.delete_prefix("#{@root}/") })
      end
      File.write("#{output}.lines", JSON.generate(inside))
    end
  end
end

Server.new(JSON.parse(File.read(".kodo-search/ruby.json"))).serve
