"""Text about what a person does, from a vision-language model or from an operator."""
