// The files of an artifact as bytes in the program: a C array of a module with its weights takes a compiler minutes,
// the assembler reads the file as it is. IREE wants the module at a multiple of 64.

#if defined(__APPLE__)
#define SYMBOL(name) _##name
    .const
#else
#define SYMBOL(name) name
    .section .rodata
#endif

.macro embed name, end, path
    .globl \name
    .globl \end
    .balign 64
\name:
    .incbin "\path"
\end:
.endm

    embed SYMBOL(embedded_manifest), SYMBOL(embedded_manifest_end), MANIFEST
    embed SYMBOL(embedded_module), SYMBOL(embedded_module_end), MODULE
    embed SYMBOL(embedded_input), SYMBOL(embedded_input_end), GOLDEN_INPUT
    embed SYMBOL(embedded_output), SYMBOL(embedded_output_end), GOLDEN_OUTPUT

#if defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
