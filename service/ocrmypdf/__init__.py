"""The engine as a plugin of OCRmyPDF. Only `plugin` needs OCRmyPDF, which finds it by its entry point."""
