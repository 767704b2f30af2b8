"""Who describes a clip: Gemini, or a file of answers; and what an answer looks like."""
