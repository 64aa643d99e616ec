// Made from kodo's types by python -m kodo.cli.schemas; do not edit. Fields marked `?` have the default that is named.

/**
 * Answer a question of a run. The first answer counts; `always` saves the offered rule.
 */
export interface AnswerQuestion {
  type: "answer";
  id?: string; // ""
  session?: string; // ""
  question?: string; // ""
  choice?: "always" | "no" | "yes"; // "no"
}

/**
 * A question was answered, by this face or another; or it ended with its run (`withdrawn`).
 */
export interface Answered {
  type: "answered";
  session: string;
  question: string;
  choice?: "always" | "no" | "yes"; // "no"
  withdrawn?: boolean; // false
}

export type AnyCommand = ListSessions | OpenSession | CloseSession | Send | Interrupt | AnswerQuestion | Undo | Redo | Diff | Rewind | ReadBlob;

export type AnyTelling = Opened | Listed | Done | Taken | Changed | BlobRead | Failed | EventTold | DeltaTold | ProgressTold | Question | Answered | Working | Closed;

/**
 * A call waits for a person. `reason` names the rule.
 */
export interface ApprovalAsked {
  type: "approval_asked";
  call_id: string;
  question: string;
  reason: string;
}

/**
 * The answer, and who gave it.
 */
export interface ApprovalGiven {
  type: "approval_given";
  call_id: string;
  allowed: boolean;
  by: "policy" | "user";
  reason?: string; // ""
}

/**
 * A whole reply of a model. `model` is its id, `provider/model`.
 *
 * `scores` are the tokens of its text, where the prompt asked for them.
 */
export interface Assistant {
  type: "assistant";
  parts: Array<Text | Image | Reasoning | ToolCall>;
  model: string;
  stop?: "end" | "length" | "refusal" | "tool_calls"; // "end"
  usage?: Usage; // {}
  scores?: Array<Score>; // []
}

/**
 * An image of a message; `data` is base64 in JSON.
 */
export interface AttachedImage {
  media_type: "image/gif" | "image/jpeg" | "image/png" | "image/webp";
  data: string;
}

/**
 * The bytes of a blob; base64 in JSON.
 */
export interface BlobRead {
  type: "blob";
  id?: string; // ""
  data?: string; // ""
}

/**
 * The files that undo, redo or rewind touched, or `diff` was asked about.
 *
 * With `dry_run` nothing was touched: `refused` names files that somebody changed since, and
 * `obstacle` what forbids it. `back` is the `seq` to rewind to for having everything back.
 */
export interface Changed {
  type: "changed";
  id?: string; // ""
  files?: Array<FileDiff>; // []
  dry_run?: boolean; // false
  refused?: Array<string>; // []
  obstacle?: string; // ""
  beyond?: Array<string>; // []
  back?: number; // 0
}

/**
 * A check was run. `decision` is its verdict.
 */
export interface CheckRun {
  type: "check";
  check: string;
  decision: "ask" | "block" | "note" | "pass";
  evidence?: Array<Evidence>; // []
}

/**
 * Read a session no longer. A run goes on without readers.
 */
export interface CloseSession {
  type: "close";
  id?: string; // ""
  session?: string; // ""
}

/**
 * A session broke or the server ends: nothing more comes from it. Open it again to go on.
 */
export interface Closed {
  type: "closed";
  session: string;
  reason?: string; // ""
}

/**
 * A piece of a reply on its way. Never stored.
 *
 * `kind` is `text`, `reasoning`, `call` (a piece of a call's arguments; `name` and `call_id` tell
 * which) or `prefill` (no text: `done` of `total` prompt tokens have been read, or the waiting
 * state of a slow model). `signature` ends a piece of reasoning that has one. `scores` are the
 * tokens of a piece of text, where they were asked for.
 */
export interface Delta {
  kind: "call" | "prefill" | "reasoning" | "text";
  text?: string; // ""
  call_id?: string; // ""
  name?: string; // ""
  done?: number; // 0
  total?: number; // 0
  signature?: string; // ""
  scores?: Array<Score>; // []
}

/**
 * A piece of a reply on its way; left out for a reader that is behind.
 */
export interface DeltaTold {
  type: "delta";
  session: string;
  delta: Delta;
}

/**
 * Ask what the last run changed: all of it, or one step.
 */
export interface Diff {
  type: "diff";
  id?: string; // ""
  session?: string; // ""
  step?: number; // 0
}

/**
 * A command was carried out.
 */
export interface Done {
  type: "done";
  id?: string; // ""
}

/**
 * A stored happening: `seq` counts from 1 within its thread, `at` is aware UTC.
 */
export interface Event {
  seq: number;
  run_id: string;
  at: string;
  body: RunStarted | MessageAdded | PromptSent | ToolStarted | ApprovalAsked | ApprovalGiven | SnapshotTaken | FilesChanged | CheckRun | FindingRaised | HostContacted | Evicted | Rewound | Retrying | LimitNear | Noted | HookRan | RunEnded;
}

/**
 * A stored event. Each is told once, in the order of `seq`.
 */
export interface EventTold {
  type: "event";
  session: string;
  event: Event;
}

/**
 * Entries left the window; they remain in the log. `tokens` is about what that freed.
 *
 * With the events before it, this decides what the window holds: results of entries below
 * `stubbed_to` (a `seq`) are stubs, of those below `shortened_to` all parts are short, and those
 * below `folded_to` stand in the first message only. Where a provider said that a prompt was too
 * long, `window_tokens` is the room of the model and `factor` how many real tokens an estimated
 * one is; else they are 0.
 */
export interface Evicted {
  type: "evicted";
  entries: Array<string>;
  tokens: number;
  stubbed_to?: number; // 0
  shortened_to?: number; // 0
  folded_to?: number; // 0
  window_tokens?: number; // 0
  factor?: number; // 0.0
}

/**
 * A command that was run to prove something, and how it ended.
 *
 * `passed` and `failed` count tests where the output says so.
 */
export interface Evidence {
  command: string;
  exit_code: number;
  duration_s: number;
  tail?: string; // ""
  passed?: number | null; // null
  failed?: number | null; // null
  timed_out?: boolean; // false
}

/**
 * A command could not be carried out; `code` is a word for programs.
 */
export interface Failed {
  type: "failed";
  id?: string; // ""
  code?: string; // ""
  message?: string; // ""
}

/**
 * One changed file: `before` and `after` name blobs.
 */
export interface FileChange {
  path: string;
  before: string | null;
  after: string | null;
  diff?: string; // ""
}

/**
 * One changed file as a unified diff.
 */
export interface FileDiff {
  path: string;
  kind: "changed" | "deleted" | "new";
  diff: string;
}

/**
 * Files were changed by an edit or a tool. The contents are blobs, None where absent.
 */
export interface FilesChanged {
  type: "files_changed";
  call_id: string;
  changes: Array<FileChange>;
}

/**
 * One thing a check found. Lines are 1-based and inclusive.
 */
export interface Finding {
  path: string;
  line: number;
  message: string;
  rule?: string; // ""
  severity?: "error" | "note" | "warning"; // "warning"
}

/**
 * A check found something that people should see.
 */
export interface FindingRaised {
  type: "finding";
  check: string;
  finding: Finding;
}

/**
 * A hook of the user ran at a moment of the run.
 *
 * `replace` means that it replaced the arguments of the call `call_id`, `text` that it told the
 * model something; `said` is that, or the reason. `failed` is a failure that was ignored.
 */
export interface HookRan {
  type: "hook";
  hook: string;
  moment: "after_tool" | "before_finish" | "before_tool" | "session_end" | "session_start";
  decision: "deny" | "failed" | "pass" | "replace" | "text";
  said?: string; // ""
  call_id?: string; // ""
  duration_s?: number; // 0.0
}

/**
 * A tool of kodo, or a command through the gate, asked for a host other than the model's.
 *
 * `purpose` says which of them, the port, and for a host that was not reached why.
 */
export interface HostContacted {
  type: "host";
  host: string;
  purpose: string;
}

/**
 * An image: `media_type` like `image/png`, `blob` the SHA-256 name of its bytes.
 */
export interface Image {
  type: "image";
  media_type: string;
  blob: string;
}

/**
 * End the run that is at work.
 */
export interface Interrupt {
  type: "interrupt";
  id?: string; // ""
  session?: string; // ""
}

/**
 * At least four fifths of a limit are spent.
 */
export interface LimitNear {
  type: "limit_near";
  limit: string;
  used: number;
  limit_value: number;
}

/**
 * List the newest sessions of the project around a folder ("": the server's own).
 */
export interface ListSessions {
  type: "list";
  id?: string; // ""
  folder?: string; // ""
  limit?: number; // 50
}

/**
 * Sessions, newest first; `open` are ids of those that are open in the server.
 */
export interface Listed {
  type: "listed";
  id?: string; // ""
  sessions?: Array<ThreadSummary>; // []
  open?: Array<string>; // []
}

/**
 * A message became part of the thread.
 */
export interface MessageAdded {
  type: "message";
  message: User | Assistant | ToolResult;
}

/**
 * Something a person should know: what the agent does now, or what it could not do.
 */
export interface Noted {
  type: "note";
  text: string;
  kind?: "step" | "warning"; // "step"
}

/**
 * Open a session and read it from then on.
 *
 * `mode`: a new one, an earlier one, or a fork of one at entry `entry` (0: its head). `thread` is
 * an id or the beginning of one, "" the last of the folder. All stored events with a `seq` above
 * `after_seq` are told, then what happens; None tells only what happens.
 */
export interface OpenSession {
  type: "open";
  id?: string; // ""
  folder?: string; // ""
  mode?: "fork" | "new" | "resume"; // "new"
  thread?: string; // ""
  entry?: number; // 0
  after_seq?: number | null; // 0
  options?: RunOptions; // {}
}

/**
 * A session is open. Events up to `last_seq` are already stored; `questions` wait.
 */
export interface Opened {
  type: "opened";
  id?: string; // ""
  session?: string; // ""
  header?: ThreadHeader | null; // null
  model?: string; // ""
  last_seq?: number; // 0
  working?: boolean; // false
  questions?: Array<Question>; // []
  notes?: Array<string>; // []
}

/**
 * A piece of a tool's output; left out for a reader that is behind.
 */
export interface ProgressTold {
  type: "progress";
  session: string;
  progress: ToolProgress;
}

/**
 * A piece of a prompt and about how many tokens it took.
 *
 * `hash` is the SHA-256 of its bytes where it is known; those of `instructions`, `tools` and
 * `schema` are kept as blobs of that name.
 */
export interface PromptPart {
  name: string;
  tokens: number;
  hash?: string; // ""
}

/**
 * A model call began. `hash` is a SHA-256: equal prompts have equal ones.
 *
 * `recalled` is what the recall block held, in its order; `window_tokens` the room of the model,
 * of which `reply_tokens` were kept free; 0 where nobody looked.
 */
export interface PromptSent {
  type: "prompt";
  hash: string;
  parts?: Array<PromptPart>; // []
  recalled?: Array<Remembered>; // []
  window_tokens?: number; // 0
  reply_tokens?: number; // 0
}

/**
 * A run waits for a person. `offer`: the rule that `always` would save, as text ("": none).
 */
export interface Question {
  type: "question";
  session: string;
  question: string;
  text: string;
  reason: string;
  offer?: string; // ""
}

/**
 * Ask for the bytes of a blob that an event names, such as an image.
 */
export interface ReadBlob {
  type: "blob";
  id?: string; // ""
  session?: string; // ""
  name?: string; // ""
}

/**
 * Reasoning of a model. `signature` is opaque and goes back to the provider that made it.
 *
 * `provider` names who made it: adapters drop reasoning that is not their own.
 */
export interface Reasoning {
  type: "reasoning";
  text: string;
  signature?: string | null; // null
  provider?: string; // ""
}

/**
 * Bring back what the last undo took away.
 */
export interface Redo {
  type: "redo";
  id?: string; // ""
  session?: string; // ""
  force?: boolean; // false
}

/**
 * A piece of stored text that was recalled into a prompt; `source` says whose it is.
 *
 * `ref` is as `kodo.core.recall` has it; lines are 1-based and inclusive.
 */
export interface Remembered {
  ref: string;
  first_line: number;
  last_line: number;
  source: string;
}

/**
 * A model call failed in a way that may pass. Waits `wait_s` before try number `attempt`.
 */
export interface Retrying {
  type: "retrying";
  error: string;
  attempt: number;
  wait_s: number;
}

/**
 * Step back to the entry with the `seq` `to`: the conversation, the files, or both.
 */
export interface Rewind {
  type: "rewind";
  id?: string; // ""
  session?: string; // ""
  to?: number; // 0
  messages?: boolean; // true
  files?: boolean; // true
  force?: boolean; // false
  dry_run?: boolean; // false
}

/**
 * A person stepped back: the conversation goes on from the entry `to`.
 *
 * `left` counts the entries that are no longer on the path; they remain in the log.
 */
export interface Rewound {
  type: "rewound";
  to: number;
  left: number;
}

/**
 * The last event of every run. `limit` names the field of Limits where that ended it.
 */
export interface RunEnded {
  type: "run_ended";
  outcome: "broken" | "denied" | "failed" | "interrupted" | "limit" | "unverified" | "verified";
  summary: string;
  spent?: Spent; // {}
  evidence?: Array<Evidence>; // []
  changed?: Array<string>; // []
  reason?: string; // ""
  limit?: string; // ""
}

/**
 * What a face may choose for a session; None leaves it to the configuration of the folder.
 *
 * The sandbox can be made tighter than the server was started with, never looser. Budgets are for
 * each run.
 */
export interface RunOptions {
  model?: string | null; // null
  strategy?: "auto" | "search" | "tools" | null; // null
  mode?: "ask" | "auto" | null; // null
  sandbox?: "full" | "read-only" | "workspace-write" | null; // null
  budget_usd?: number | null; // null
  budget_tokens?: number | null; // null
  budget_seconds?: number | null; // null
  budget_tool_calls?: number | null; // null
  budget_model_calls?: number | null; // null
}

/**
 * A task was taken up. `kodo_version` and `sandbox` tell under what conditions.
 */
export interface RunStarted {
  type: "run_started";
  task: string;
  model: string;
  strategy: string;
  cwd: string;
  sandbox: string;
  kodo_version: string;
}

/**
 * A token as text, and its natural log-probability under the model.
 *
 * `octets` are its bytes where the text is not all of it (a piece of a character); `top` holds
 * the likeliest tokens in its place, where they were asked for.
 */
export interface Score {
  text: string;
  logprob: number;
  octets?: Array<number>; // []
  top?: Array<Score>; // []
}

/**
 * Say something: it begins a run, or steers the one that is at work.
 */
export interface Send {
  type: "send";
  id?: string; // ""
  session?: string; // ""
  text?: string; // ""
  images?: Array<AttachedImage>; // []
}

/**
 * The state of the files was kept. `snapshot` is the blob of its manifest.
 *
 * Around a step that may change files stand two, `step` and `stepped`: `step` counts from 1 within
 * the run, `call_id` is the call that it carries out ("": a check). Where steps of a run were
 * taken back or put back, `step` is the first of them, 0 the whole run.
 */
export interface SnapshotTaken {
  type: "snapshot";
  snapshot: string;
  label: string;
  step?: number; // 0
  call_id?: string; // ""
}

/**
 * What has been used so far, in the units of Limits.
 */
export interface Spent {
  model_calls?: number; // 0
  tool_calls?: number; // 0
  seconds?: number; // 0
  processes?: number; // 0
  usage?: Usage; // {}
}

/**
 * A message was taken: it began a run, or steers the one at work.
 */
export interface Taken {
  type: "taken";
  id?: string; // ""
  how?: "run" | "steer"; // "run"
}

/**
 * Valid UTF-8 text. What was not valid has been repaired at the border.
 */
export interface Text {
  type: "text";
  text: string;
}

/**
 * What a thread is: its id is what resume, replay and undo take.
 *
 * `forked_from` names (thread, entry) for a fork.
 */
export interface ThreadHeader {
  id: string;
  created_at: string;
  cwd: string;
  title?: string; // ""
  forked_from?: [string, string] | null; // null
}

/**
 * A thread in a list: how many entries it has and how its last run ended.
 */
export interface ThreadSummary {
  header: ThreadHeader;
  entries: number;
  updated_at: string;
  outcome?: string; // ""
}

/**
 * A request for a tool. `arguments` is the model's JSON text, kept even where it is broken.
 */
export interface ToolCall {
  type: "call";
  id: string;
  name: string;
  arguments: string;
}

/**
 * A piece of a running tool's output. Never stored as such.
 */
export interface ToolProgress {
  call_id: string;
  text: string;
}

/**
 * What a call came to: `parts` are for the model, `details` (JSON text) for screens.
 */
export interface ToolResult {
  type: "result";
  call_id: string;
  name: string;
  parts: Array<Text | Image>;
  outcome?: "denied" | "error" | "interrupted" | "ok"; // "ok"
  details?: string; // ""
}

/**
 * A call passed the policy and runs now.
 */
export interface ToolStarted {
  type: "tool_started";
  call_id: string;
  name: string;
  arguments: string;
}

/**
 * Take back what the last run changed, from step `step` on (0: all of it).
 */
export interface Undo {
  type: "undo";
  id?: string; // ""
  session?: string; // ""
  step?: number; // 0
  force?: boolean; // false
  dry_run?: boolean; // false
}

/**
 * What a model call took, in tokens. `cost_usd` None means unknown; it is never 0 for that.
 *
 * `cached_tokens` is the part of `input_tokens` that the provider had in its prompt cache,
 * `reasoning_tokens` the part of `output_tokens` that was reasoning.
 */
export interface Usage {
  input_tokens?: number; // 0
  cached_tokens?: number; // 0
  output_tokens?: number; // 0
  reasoning_tokens?: number; // 0
  cost_usd?: number | null; // null
}

/**
 * What a person (or the harness in a person's place) said.
 */
export interface User {
  type: "user";
  parts: Array<Text | Image>;
}

/**
 * A run began, or none is at work any more.
 */
export interface Working {
  type: "working";
  session: string;
  working: boolean;
}
