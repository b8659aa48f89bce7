;; LZ4 blocks in WebAssembly. scripts/assemble-lz4.mjs makes src/codec/lz4-module.ts of it.
;; It gives just the bytes that src/codec/lz4-script.ts gives, where each step is explained; here eight bytes are
;; compared and copied at once. The memory is that of lz4-memory.ts: the table stands at 0. What is done for each byte is
;; written out where it is done: a call takes as long as the rest of it.
(module
  (memory (export "memory") 3)

  ;; The bytes that a length takes behind its half of the token.
  (func $moreBytes (param $length i32) (result i32)
    (if (i32.lt_u (local.get $length) (i32.const 15)) (then (return (i32.const 0))))
    (i32.add (i32.div_u (i32.sub (local.get $length) (i32.const 15)) (i32.const 255)) (i32.const 1)))

  (func $putMore (param $rest i32) (param $out i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.lt_u (local.get $rest) (i32.const 255)))
        (i32.store8 (local.get $out) (i32.const 255))
        (local.set $out (i32.add (local.get $out) (i32.const 1)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 255)))
        (br $next)))
    (i32.store8 (local.get $out) (local.get $rest))
    (i32.add (local.get $out) (i32.const 1)))

  ;; Copies bytes that do not overlap. With `isWide` up to seven bytes too many are read and written.
  (func $copy (param $at i32) (param $out i32) (param $count i32) (param $isWide i32)
    (local $end i32)
    (if (i32.gt_u (local.get $count) (i32.const 64))
      (then
        (memory.copy (local.get $out) (local.get $at) (local.get $count))
        (return)))
    (local.set $end (i32.add (local.get $out) (local.get $count)))
    (if (i32.eqz (local.get $isWide)) (then (local.set $end (i32.sub (local.get $end) (i32.const 7)))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_s (local.get $out) (local.get $end)))
        (i64.store (local.get $out) (i64.load (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (local.set $out (i32.add (local.get $out) (i32.const 8)))
        (br $next)))
    (if (local.get $isWide) (then (return)))
    (local.set $end (i32.add (local.get $end) (i32.const 7)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $out) (local.get $end)))
        (i32.store8 (local.get $out) (i32.load8_u (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $out (i32.add (local.get $out) (i32.const 1)))
        (br $next))))

  ;; Where the match of `at` with `ref` begins, which may be before them.
  (func $startOfMatch (param $anchor i32) (param $at i32) (param $from i32) (param $ref i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.le_u (local.get $at) (local.get $anchor)))
        (br_if $done (i32.le_u (local.get $ref) (local.get $from)))
        (br_if $done (i32.ne
          (i32.load8_u (i32.sub (local.get $at) (i32.const 1)))
          (i32.load8_u (i32.sub (local.get $ref) (i32.const 1)))))
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (local.set $ref (i32.sub (local.get $ref) (i32.const 1)))
        (br $next)))
    (local.get $at))

  (func $endOfMatch (param $at i32) (param $back i32) (param $end i32) (result i32)
    (local $difference i64)
    (block $short
      (loop $next
        (br_if $short (i32.gt_u (i32.add (local.get $at) (i32.const 8)) (local.get $end)))
        (local.set $difference (i64.xor
          (i64.load (local.get $at)) (i64.load (i32.sub (local.get $at) (local.get $back)))))
        (if (i64.ne (local.get $difference) (i64.const 0))
          (then (return (i32.add
            (local.get $at) (i32.wrap_i64 (i64.shr_u (i64.ctz (local.get $difference)) (i64.const 3)))))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (br_if $done (i32.ne
          (i32.load8_u (local.get $at)) (i32.load8_u (i32.sub (local.get $at) (local.get $back)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $at))

  ;; Writes a token and its literals. Gives where they end, 0 when that would be behind `limit`.
  (func $putLiterals (param $start i32) (param $end i32) (param $low i32) (param $out i32) (param $limit i32) (result i32)
    (local $count i32) (local $bytes i32)
    (local.set $count (i32.sub (local.get $end) (local.get $start)))
    (local.set $bytes (i32.add (local.get $count) (i32.const 1)))
    (if (i32.ge_u (local.get $count) (i32.const 15))
      (then (local.set $bytes (i32.add (local.get $bytes) (call $moreBytes (local.get $count))))))
    (if (i32.gt_s (local.get $bytes) (i32.sub (local.get $limit) (local.get $out))) (then (return (i32.const 0))))
    (if (i32.lt_u (local.get $count) (i32.const 15))
      (then
        (i32.store8 (local.get $out) (i32.or (i32.shl (local.get $count) (i32.const 4)) (local.get $low)))
        (local.set $out (i32.add (local.get $out) (i32.const 1))))
      (else
        (i32.store8 (local.get $out) (i32.or (i32.const 240) (local.get $low)))
        (local.set $out (call $putMore
          (i32.sub (local.get $count) (i32.const 15)) (i32.add (local.get $out) (i32.const 1))))))
    (call $copy (local.get $start) (local.get $out) (local.get $count)
      (i32.le_s (i32.add (local.get $count) (i32.const 8)) (i32.sub (local.get $limit) (local.get $out))))
    (i32.add (local.get $out) (local.get $count)))

  (func $compress (export "compress")
    (param $from i32) (param $length i32) (param $to i32) (param $max i32) (result i32)
    (local $end i32) (local $lastMatch i32) (local $limit i32) (local $out i32) (local $anchor i32) (local $at i32)
    (local $tries i32) (local $word i32) (local $slot i32) (local $ref i32) (local $start i32) (local $back i32)
    (local $match i32) (local $low i32) (local $last i32)
    (local.set $end (i32.add (local.get $from) (local.get $length)))
    (local.set $lastMatch (i32.sub (local.get $end) (i32.const 12)))
    (local.set $limit (i32.add (local.get $to) (local.get $max)))
    (local.set $out (local.get $to))
    (local.set $anchor (local.get $from))
    (local.set $at (i32.add (local.get $from) (i32.const 1)))
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 8192))
    (block $noMatch
      (loop $nextMatch
        (local.set $tries (i32.const 64))
        (block $found
          (loop $nextTry
            (br_if $noMatch (i32.gt_s (local.get $at) (local.get $lastMatch)))
            (local.set $word (i32.load (local.get $at)))
            (local.set $slot (i32.shl
              (i32.shr_u (i32.mul (local.get $word) (i32.const -1640531535)) (i32.const 20)) (i32.const 1)))
            (local.set $ref (i32.add (local.get $from) (i32.load16_u (local.get $slot))))
            (i32.store16 (local.get $slot) (i32.sub (local.get $at) (local.get $from)))
            (br_if $found (i32.eq (i32.load (local.get $ref)) (local.get $word)))
            (local.set $at (i32.add (local.get $at) (i32.shr_u (local.get $tries) (i32.const 6))))
            (local.set $tries (i32.add (local.get $tries) (i32.const 1)))
            (br $nextTry)))
        (local.set $start (call $startOfMatch
          (local.get $anchor) (local.get $at) (local.get $from) (local.get $ref)))
        (local.set $back (i32.sub (local.get $at) (local.get $ref)))
        (local.set $at (call $endOfMatch
          (i32.add (local.get $at) (i32.const 4)) (local.get $back) (i32.sub (local.get $end) (i32.const 5))))
        (local.set $match (i32.sub (i32.sub (local.get $at) (local.get $start)) (i32.const 4)))
        (local.set $low (local.get $match))
        (local.set $last (i32.sub (local.get $limit) (i32.const 2)))
        (if (i32.ge_u (local.get $match) (i32.const 15))
          (then
            (local.set $low (i32.const 15))
            (local.set $last (i32.sub (local.get $last) (call $moreBytes (local.get $match))))))
        (local.set $out (call $putLiterals
          (local.get $anchor) (local.get $start) (local.get $low) (local.get $out) (local.get $last)))
        (if (i32.eqz (local.get $out)) (then (return (i32.const 0))))
        (i32.store16 (local.get $out) (local.get $back))
        (local.set $out (i32.add (local.get $out) (i32.const 2)))
        (if (i32.ge_u (local.get $match) (i32.const 15))
          (then (local.set $out (call $putMore (i32.sub (local.get $match) (i32.const 15)) (local.get $out)))))
        (local.set $anchor (local.get $at))
        (br_if $noMatch (i32.gt_s (local.get $at) (local.get $lastMatch)))
        (i32.store16
          (i32.shl (i32.shr_u (i32.mul (i32.load (i32.sub (local.get $at) (i32.const 2))) (i32.const -1640531535))
            (i32.const 20)) (i32.const 1))
          (i32.sub (i32.sub (local.get $at) (i32.const 2)) (local.get $from)))
        (br $nextMatch)))
    (local.set $out (call $putLiterals
      (local.get $anchor) (local.get $end) (i32.const 0) (local.get $out) (local.get $limit)))
    (if (i32.eqz (local.get $out)) (then (return (i32.const 0))))
    (i32.sub (local.get $out) (local.get $to)))

  (func $decompress (export "decompress")
    (param $from i32) (param $length i32) (param $to i32) (param $size i32) (result i32)
    (local $end i32) (local $outEnd i32) (local $token i32) (local $count i32) (local $out i32) (local $back i32)
    (local $more i32) (local $stop i32)
    (local.set $end (i32.add (local.get $from) (local.get $length)))
    (local.set $outEnd (i32.add (local.get $to) (local.get $size)))
    (local.set $out (local.get $to))
    (block $bad
      (loop $nextSequence
        (br_if $bad (i32.ge_u (local.get $from) (local.get $end)))
        (local.set $token (i32.load8_u (local.get $from)))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (local.set $count (i32.shr_u (local.get $token) (i32.const 4)))
        (if (i32.eq (local.get $count) (i32.const 15))
          (then (loop $nextByte
            (br_if $bad (i32.ge_u (local.get $from) (local.get $end)))
            (local.set $more (i32.load8_u (local.get $from)))
            (local.set $from (i32.add (local.get $from) (i32.const 1)))
            (local.set $count (i32.add (local.get $count) (local.get $more)))
            (br_if $nextByte (i32.eq (local.get $more) (i32.const 255))))))
        (br_if $bad (i32.gt_u (local.get $count) (i32.sub (local.get $end) (local.get $from))))
        (br_if $bad (i32.gt_u (local.get $count) (i32.sub (local.get $outEnd) (local.get $out))))
        (call $copy (local.get $from) (local.get $out) (local.get $count)
          (i32.and
            (i32.le_u (i32.add (local.get $count) (i32.const 8)) (i32.sub (local.get $end) (local.get $from)))
            (i32.le_u (i32.add (local.get $count) (i32.const 8)) (i32.sub (local.get $outEnd) (local.get $out)))))
        (local.set $from (i32.add (local.get $from) (local.get $count)))
        (local.set $out (i32.add (local.get $out) (local.get $count)))
        (if (i32.eq (local.get $from) (local.get $end))
          (then (return (i32.eq (local.get $out) (local.get $outEnd)))))
        (br_if $bad (i32.lt_u (i32.sub (local.get $end) (local.get $from)) (i32.const 2)))
        (local.set $back (i32.load16_u (local.get $from)))
        (local.set $from (i32.add (local.get $from) (i32.const 2)))
        (br_if $bad (i32.eqz (local.get $back)))
        (br_if $bad (i32.gt_u (local.get $back) (i32.sub (local.get $out) (local.get $to))))
        (local.set $count (i32.and (local.get $token) (i32.const 15)))
        (if (i32.eq (local.get $count) (i32.const 15))
          (then (loop $nextByte
            (br_if $bad (i32.ge_u (local.get $from) (local.get $end)))
            (local.set $more (i32.load8_u (local.get $from)))
            (local.set $from (i32.add (local.get $from) (i32.const 1)))
            (local.set $count (i32.add (local.get $count) (local.get $more)))
            (br_if $nextByte (i32.eq (local.get $more) (i32.const 255))))))
        (local.set $count (i32.add (local.get $count) (i32.const 4)))
        (br_if $bad (i32.gt_u (local.get $count) (i32.sub (local.get $outEnd) (local.get $out))))
        (local.set $stop (i32.add (local.get $out) (local.get $count)))
        (if (i32.and
            (i32.ge_u (local.get $back) (i32.const 8))
            (i32.le_u (i32.add (local.get $count) (i32.const 8)) (i32.sub (local.get $outEnd) (local.get $out))))
          (then (loop $nextWord
            (i64.store (local.get $out) (i64.load (i32.sub (local.get $out) (local.get $back))))
            (local.set $out (i32.add (local.get $out) (i32.const 8)))
            (br_if $nextWord (i32.lt_u (local.get $out) (local.get $stop)))))
          (else (loop $nextByte
            (i32.store8 (local.get $out) (i32.load8_u (i32.sub (local.get $out) (local.get $back))))
            (local.set $out (i32.add (local.get $out) (i32.const 1)))
            (br_if $nextByte (i32.lt_u (local.get $out) (local.get $stop))))))
        (local.set $out (local.get $stop))
        (br $nextSequence)))
    (i32.const 0)))
