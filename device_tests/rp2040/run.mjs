// Runs an ELF image on an emulated RP2040 (Cortex-M0+): UART0 is standard input and output.
//
//     node run.mjs FOLDER_OF_RP2040JS IMAGE.elf [COUNTS]
//
// Starts at the image's vector table, without boot ROM. What a real core refuses and the emulator
// forgives (unaligned or unmapped access, undefined instructions) ends the run with code 70.
// Instructions between es_measure_begin and es_measure_end go to the file COUNTS, a line each
// time. Cycles and durations are not reported: the emulator does not model them.

import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [packageFolder, imagePath, countsPath] = process.argv.slice(2);
const emulator = path.join(packageFolder, 'node_modules', 'rp2040js', 'dist', 'esm', 'index.js');
const { RP2040 } = await import(pathToFileURL(emulator).href);

const FLASH = 0x10000000;
const FAULT_EXIT_CODE = 70;
const UART_FLAGS = 0x18;
const SEMIHOSTING = 0xab;
const EXIT_EXTENDED = 0x20;
const NEW_LINE = 10;

function fault(what) {
  console.error(`fault: ${what}, pc ${chip.core.PC.toString(16)}`);
  process.exit(FAULT_EXIT_CODE);
}

// A Cortex-M0+ faults on every unaligned access; the emulator would carry it out.
class StrictRP2040 extends RP2040 {
  readUint32(address) {
    if (address & 3) fault(`word read at ${address.toString(16)}`);
    return super.readUint32(address);
  }

  readUint16(address) {
    if (address & 1) fault(`half-word read at ${address.toString(16)}`);
    return super.readUint16(address);
  }

  writeUint32(address, value) {
    if (address & 3) fault(`word write at ${address.toString(16)}`);
    super.writeUint32(address, value);
  }

  writeUint16(address, value) {
    if (address & 1) fault(`half-word write at ${address.toString(16)}`);
    super.writeUint16(address, value);
  }
}

// Loads the segments of a 32-bit little-endian ELF image into flash; returns the address of the
// vector table, which comes first, and the addresses of the functions.
function load(image, flash) {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const word = (offset) => view.getUint32(offset, true);
  const half = (offset) => view.getUint16(offset, true);
  let first = Infinity;
  for (let i = 0; i < half(44); i++) {
    const header = word(28) + i * half(42);
    const [type, offset, , address, size] = [0, 4, 8, 12, 16].map((o) => word(header + o));
    if (type === 1 && size > 0) {
      flash.set(image.subarray(offset, offset + size), address - FLASH);
      first = Math.min(first, address);
    }
  }
  return { vectors: first, functions: readFunctions(image, word, half) };
}

function readFunctions(image, word, half) {
  const sections = Array.from({ length: half(48) }, (_, i) => word(32) + i * half(46));
  const symbols = sections.find((header) => word(header + 4) === 2);
  const names = word(sections[word(symbols + 24)] + 16);
  const functions = new Map();
  for (let at = 0; at < word(symbols + 20); at += 16) {
    const entry = word(symbols + 16) + at;
    const start = names + word(entry);
    const name = image.toString('latin1', start, image.indexOf(0, start));
    functions.set(name, word(entry + 4) & ~1);
  }
  return functions;
}

// Reading standard input blocks, so it happens only when the firmware has asked for the UART's
// state twice in a row with nothing received: then it waits. Runs are so repeatable to the
// instruction, whatever the host's speed.
function connectUart(uart) {
  const readRegister = uart.readUint32.bind(uart);
  const waiting = Buffer.alloc(32); // as large as the UART's own buffer
  let line = '';
  let asked = 0;
  uart.readUint32 = (offset) => {
    asked = offset === UART_FLAGS && uart.rxFIFO.empty ? asked + 1 : 0;
    if (asked > 1) {
      const count = readSync(0, waiting);
      if (count === 0) process.exit(0);
      for (const byte of waiting.subarray(0, count)) uart.feedByte(byte);
    }
    return readRegister(offset);
  };
  uart.onByte = (byte) => {
    asked = 0;
    line += String.fromCharCode(byte);
    if (byte === NEW_LINE) {
      writeSync(1, line);
      line = '';
    }
  };
}

function onBreak(code) {
  const { registers } = chip.core;
  if (code !== SEMIHOSTING || registers[0] !== EXIT_EXTENDED) fault(`breakpoint ${code}`);
  if (counts !== undefined) closeSync(counts);
  process.exit(chip.readUint32(registers[1] + 4));
}

function run(begin, end) {
  const { core } = chip;
  let count = 0;
  for (;;) {
    if (core.PC === begin) {
      // Its own instructions are not counted, as in the plugin for qemu.
      while (core.PC !== (core.LR & ~1)) core.executeInstruction();
      count = 0;
    }
    if (core.PC === end) writeSync(counts, `total ${count}\n`);
    core.executeInstruction();
    count++;
  }
}

const chip = new StrictRP2040();
chip.logger = {
  debug() {},
  info() {},
  warn: (component, message) => fault(message),
  error: (component, message) => fault(message),
};
const counts = countsPath === undefined ? undefined : openSync(countsPath, 'w');
const { vectors, functions } = load(readFileSync(imagePath), chip.flash);
chip.core.VTOR = vectors;
chip.core.reset();
chip.onBreak = onBreak;
connectUart(chip.uart[0]);
run(
  counts === undefined ? -1 : functions.get('es_measure_begin'),
  counts === undefined ? -1 : functions.get('es_measure_end'),
);
