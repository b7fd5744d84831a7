alert('ü')
